/* The programs linked into a binary, and which of them a command line asks for. */
struct program {
  const unsigned char *bytecode;
  unsigned size;
  /* Bytes that it may use; a leak ends the daemon (and the watchdog fires) before it harms the guest. */
  unsigned memory;
};

const struct program *choose_program(int argc, char **argv);
