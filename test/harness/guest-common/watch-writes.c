// Tells the truth about a freeze (C41), whatever the agent says of it: appends to the file $1 every 100 ms, syncs it,
// and tells on standard output, the serial console, of each write that is done. A write that doesn't get done because
// the filesystem is frozen sleeps in the kernel's percpu_rwsem_wait; one that waits for a slow disk sleeps elsewhere.
//   write 7 done      the 7th write is on the disk
//   write 8 frozen    the 8th can't start; told again while that lasts, since the kernel may write into a line
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { pace_ms = 100, look_ms = 20, repeat_ms = 500 };

static int file;
static atomic_int writer, under_way, done;

static void nap(int ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL); }

static void tell(int number, const char *what) {
  char line[64];
  int length = snprintf(line, sizeof line, "write %d %s\n", number, what);
  if (write(STDOUT_FILENO, line, length) != length) exit(1);
}

static void *write_on(void *unused) {
  writer = syscall(SYS_gettid);
  for (int number = 1;; number++) {
    char line[16];
    int length = snprintf(line, sizeof line, "%d\n", number);
    under_way = number;
    if (write(file, line, length) != length || fsync(file) != 0) {
      perror("watch-writes");
      exit(1);
    }
    done = number;
    tell(number, "done");
    nap(pace_ms);
  }
  return unused;
}

static int waits_for_thaw(void) {
  char path[64], where[64] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/wchan", writer);
  int wchan = open(path, O_RDONLY);
  if (wchan < 0 || read(wchan, where, sizeof where - 1) < 0) exit(1);
  close(wchan);
  return strcmp(where, "percpu_rwsem_wait") == 0;
}

int main(int count, char **arguments) {
  pthread_t thread;
  if (count != 2 || (file = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644)) < 0) {
    perror("watch-writes");
    return 1;
  }
  if (pthread_create(&thread, NULL, write_on, NULL) != 0) return 1;
  for (int since_told = repeat_ms;; nap(look_ms), since_told += look_ms) {
    int number = under_way;
    if (number == done || !waits_for_thaw()) {
      since_told = repeat_ms;
    } else if (since_told >= repeat_ms) {
      tell(number, "frozen");
      since_told = 0;
    }
  }
}
