/*
 * Loads the kernel that takes over when this one crashes, as `kexec -p -s` does, whose Debian package needs a dozen of Xen's libraries.
 * Number: include/uapi/linux/kexec.h, KEXEC_FILE_ON_CRASH. Linux has the call on 64 bits only: kexec_file_load(2).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ON_CRASH 2

int main(int count, char **words)
{
	int kernel = count == 4 ? open(words[1], O_RDONLY) : -1;
	int initrd = count == 4 ? open(words[2], O_RDONLY) : -1;
	/* The length counts the final NUL. */
	if (kernel < 0 || initrd < 0
	    || syscall(SYS_kexec_file_load, kernel, initrd, strlen(words[3]) + 1, words[3], (unsigned long)ON_CRASH) < 0) {
		perror("load-crash-kernel KERNEL INITRD COMMAND-LINE");
		return 1;
	}
	return 0;
}
