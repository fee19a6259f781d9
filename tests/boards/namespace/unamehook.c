/* LD_PRELOAD: uname(2) says aarch64 and a Tegra kernel, so that unmodified Python code takes its Jetson paths. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/utsname.h>

int uname(struct utsname *u) {
    static int (*real)(struct utsname *);
    if (!real) real = (int (*)(struct utsname *))dlsym(RTLD_NEXT, "uname");
    int rc = real(u);
    if (rc == 0) {
        strncpy(u->machine, "aarch64", sizeof u->machine - 1);
        strncpy(u->release, "5.15.148-tegra", sizeof u->release - 1);
    }
    return rc;
}
