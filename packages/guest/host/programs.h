/* The programs linked into a binary, and which of them a command line asks for. */
struct program {
  const unsigned char *bytecode;
  unsigned size;
};

const struct program *choose_program(int argc, char **argv);
