/* A processor without 8-bit dot products, for what is started with this library preloaded.
 *
 * CPUID traps (arch_prctl(2), ARCH_SET_CPUID), and is answered without AVX-512, AVX-VNNI and AMX;
 * /proc/cpuinfo says the same. Engines then take the kernels they have for AVX2, which run
 * as they would on such a processor: nothing but CPUID itself is any slower.
 * The C library chose its own functions before, and keeps them.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

/* Leaf 7: AVX-512 with all its parts, and the tiles of AMX. */
static const unsigned LEAF7_EBX =
    BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const unsigned LEAF7_ECX = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const unsigned LEAF7_EDX =
    BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);
/* Leaf 7.1: AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA; then what came after them, AVX10 too. */
static const unsigned LEAF71_EAX = BIT(4) | BIT(5) | BIT(21) | BIT(23);
static const unsigned LEAF71_EDX = BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19);

static long trapping(int on) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, on ? 0L : 1L); }

static void answer(greg_t *registers)
{
    unsigned leaf = registers[REG_RAX], part = registers[REG_RCX], a, b, c, d;
    __cpuid_count(leaf, part, a, b, c, d);
    if (leaf == 7 && part == 0) {
        b &= ~LEAF7_EBX;
        c &= ~LEAF7_ECX;
        d &= ~LEAF7_EDX;
    } else if (leaf == 7 && part == 1) {
        a &= ~LEAF71_EAX;
        d &= ~LEAF71_EDX;
    } else if (leaf == 0x1d || leaf == 0x1e || leaf == 0x24) {
        a = b = c = d = 0;
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)registers[REG_RIP];
    (void)info;
    if (code[0] == 0x0f && code[1] == 0xa2) {
        trapping(0);
        answer(registers);
        trapping(1);
        registers[REG_RIP] += 2;
    } else {
        struct sigaction standard = {.sa_handler = SIG_DFL};
        syscall(SYS_rt_sigaction, number, &standard, NULL, sizeof(unsigned long));
    }
}

typedef int (*sigaction_t)(int, const struct sigaction *, struct sigaction *);

static sigaction_t next_sigaction(void) { return (sigaction_t)dlsym(RTLD_NEXT, "sigaction"); }

__attribute__((constructor)) static void begin(void)
{
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    if (next_sigaction()(SIGSEGV, &ours, NULL) != 0 || trapping(1) != 0) {
        static const char message[] = "CPUID cannot be made to trap on this machine\n";
        (void)!write(2, message, sizeof message - 1);
        _exit(4);
    }
}

/* Nobody takes the signal away: what else faults ends the program. */
int sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
    return next_sigaction()(number, number == SIGSEGV ? NULL : new, old);
}

static int hidden(const char *flag)
{
    return strncmp(flag, "avx512", 6) == 0 || strncmp(flag, "amx", 3) == 0 ||
           strncmp(flag, "avx10", 5) == 0 || strcmp(flag, "avx_vnni") == 0 ||
           strcmp(flag, "avx_ifma") == 0;
}

/* /proc/cpuinfo without the flags that are hidden. */
static int cpuinfo(void)
{
    FILE *real = fopen("/proc/cpuinfo", "re");
    int found = memfd_create("cpuinfo", 0);
    FILE *shown = found < 0 ? NULL : fdopen(dup(found), "w");
    char word[256];
    if (real == NULL || shown == NULL) return -1;
    for (int next; (next = getc(real)) != EOF;) {
        if (next == ' ' || next == '\n' || next == '\t' || next == ':') {
            putc(next, shown);
            continue;
        }
        ungetc(next, real);
        if (fscanf(real, "%255[^ \t\n:]", word) == 1 && !hidden(word)) fputs(word, shown);
    }
    fclose(real);
    fclose(shown);
    lseek(found, 0, SEEK_SET);
    return found;
}

static int opened(const char *name, const char *path, int flags, mode_t mode)
{
    if (strcmp(path, "/proc/cpuinfo") == 0) return cpuinfo();
    return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name))(path, flags, mode);
}

#define OPEN(NAME)                                         \
    int NAME(const char *path, int flags, ...)             \
    {                                                      \
        va_list more;                                      \
        va_start(more, flags);                             \
        mode_t mode = va_arg(more, mode_t);                \
        va_end(more);                                      \
        return opened(#NAME, path, flags, mode);           \
    }
OPEN(open)
OPEN(open64)
