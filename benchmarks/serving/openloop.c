/* Sends HTTP requests at a fixed rate and tells how long each took from the moment it was due, not from the moment it was
 * sent, until the kernel had the answer: a server that stalls is charged for all who wait, and not for what keeps this
 * program from reading. Usage: openloop <port> <requests> <rate> <seconds> <connections>.
 * The file <requests> holds whole requests, each behind its length (uint32, this machine's order); they take turns.
 * One JSON object goes to standard output: counts, latencies in microseconds, moments of failures in seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_US 10000000 /* for an answer, and for catching up after the last request was due */
#define SLOW_US 100000
#define BUFFER 65536

typedef struct { int fd, busy; int64_t due, sent; size_t have; char in[BUFFER + 1]; } Connection;
typedef struct { const char *bytes; uint32_t size; } Request;

static int port, epoll;
static int64_t begin, first_failure = -1000000, last_failure = -1000000, last_slow = -1000000;
static uint64_t ok, failed, refused;
static uint32_t *latencies, *lags;

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int dial(Connection *c) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) { close(c->fd); c->fd = -1; return -1; }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
}

static void hang_up(Connection *c) { if (c->fd >= 0) close(c->fd); c->fd = -1; c->have = 0; }

static void finish(Connection *c, int good, int64_t at) {
  int64_t took = at - c->due;
  if (good) latencies[ok++] = (uint32_t)took;
  else { failed++; last_failure = at - begin; if (first_failure < 0) first_failure = last_failure; }
  if (took > SLOW_US) last_slow = at - begin;
  c->busy = 0; c->have = 0;
}

/* Whether the answer is whole; then `status` and `keep` say what it was. -1 for what is no answer. */
static int whole(Connection *c, int *status, int *keep) {
  c->in[c->have] = 0;
  char *end = strstr(c->in, "\r\n\r\n");
  if (!end) return c->have == BUFFER ? -1 : 0;
  long length = -1;
  *keep = 1;
  *status = atoi(c->in + 9);
  for (char *line = strstr(c->in, "\r\n") + 2; line < end + 2; line = strstr(line, "\r\n") + 2) {
    if (!strncasecmp(line, "content-length:", 15)) length = atol(line + 15);
    if (!strncasecmp(line, "connection: close", 17)) *keep = 0;
  }
  size_t wanted = (size_t)(end + 4 - c->in) + (size_t)length;
  return length < 0 || wanted > BUFFER ? -1 : c->have >= wanted;
}

/* Receive what is there, and when the kernel had it: what shares the core may keep this program from reading. */
static ssize_t receive(Connection *c, int64_t *at) {
  char control[CMSG_SPACE(sizeof(struct timespec))];
  struct iovec into = {c->in + c->have, BUFFER - c->have};
  struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(c->fd, &message, MSG_DONTWAIT);
  int64_t now = now_us();
  struct timespec real, stamp;
  clock_gettime(CLOCK_REALTIME, &real);
  *at = now;
  for (struct cmsghdr *m = got > 0 ? CMSG_FIRSTHDR(&message) : NULL; m; m = CMSG_NXTHDR(&message, m))
    if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_TIMESTAMPNS) {
      memcpy(&stamp, CMSG_DATA(m), sizeof stamp);
      *at = now - ((real.tv_sec - stamp.tv_sec) * 1000000 + (real.tv_nsec - stamp.tv_nsec) / 1000);
    }
  return got;
}

static void hear(Connection *c) {
  int64_t at;
  ssize_t got = receive(c, &at);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  int status = 0, keep = 0, state = -1;
  if (got > 0 && c->busy) { c->have += (size_t)got; state = whole(c, &status, &keep); }
  if (state == 0) return;
  if (c->busy) { if (state > 0 && status != 200) refused++; finish(c, state > 0 && status == 200, at); }
  if (state < 0 || !keep) hang_up(c);
}

static void say(Connection *c, Request *r, int64_t due) {
  c->due = due; c->sent = now_us(); c->busy = 1; c->have = 0;
  if ((c->fd < 0 && dial(c)) || send(c->fd, r->bytes, r->size, MSG_NOSIGNAL) != (ssize_t)r->size) {
    finish(c, 0, now_us());
    hang_up(c);
  }
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static double share(uint32_t *sorted, uint64_t count, double part) {
  return count ? (double)sorted[(uint64_t)(part * (double)(count - 1) + 0.5)] : -1.0;
}

static Request *read_requests(const char *path, uint32_t *count) {
  FILE *file = fopen(path, "rb");
  Request *all = NULL;
  uint32_t size;
  *count = 0;
  if (!file) { perror(path); exit(1); }
  while (fread(&size, sizeof size, 1, file) == 1) {
    char *bytes = malloc(size);
    if (fread(bytes, 1, size, file) != size) { fprintf(stderr, "%s ends within a request\n", path); exit(1); }
    all = realloc(all, sizeof *all * (*count + 1));
    all[(*count)++] = (Request){bytes, size};
  }
  fclose(file);
  if (!*count) { fprintf(stderr, "%s holds no request\n", path); exit(1); }
  return all;
}

int main(int argc, char **argv) {
  if (argc != 6) { fprintf(stderr, "usage: openloop port requests rate seconds connections\n"); return 2; }
  uint32_t kinds, width = (uint32_t)atoi(argv[5]);
  double rate = atof(argv[3]);
  uint64_t total = (uint64_t)(rate * atof(argv[4])), next = 0;
  Request *requests = read_requests(argv[2], &kinds);
  port = atoi(argv[1]);
  latencies = malloc(sizeof *latencies * (total + 1));
  lags = malloc(sizeof *lags * (total + 1));
  Connection *all = calloc(width, sizeof *all);
  epoll = epoll_create1(0);
  for (uint32_t i = 0; i < width; i++) if (all[i].fd = -1, dial(&all[i])) { perror("connect"); return 1; }
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, seen[64];
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e);
  begin = now_us();
  int64_t swept = begin, held_until = begin;
  int64_t end = begin + (int64_t)(atof(argv[4]) * 1e6) + TIMEOUT_US;
  while (ok + failed < total) {
    int64_t now = now_us();
    if (now > end) break;
    for (uint32_t i = 0; i < width && next < total; i++) {
      int64_t due = begin + (int64_t)((double)next * 1e6 / rate);
      if (due > now) break;
      if (all[i].busy) continue;
      /* The generator's own delay: what passed since it was due, or since it was last known that none was free. */
      lags[next] = (uint32_t)(now - (due > held_until ? due : held_until));
      say(&all[i], &requests[next++ % kinds], due);
    }
    if (now - swept > 100000) {
      swept = now;
      for (uint32_t i = 0; i < width; i++)
        if (all[i].busy && now - all[i].sent > TIMEOUT_US) { finish(&all[i], 0, now); hang_up(&all[i]); }
    }
    int64_t due = begin + (int64_t)((double)next * 1e6 / rate), wake = now + 100000;
    if (next < total && due > now && due < wake) wake = due;
    struct itimerspec at = {.it_value = {wake / 1000000, wake % 1000000 * 1000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    int held = 1;
    for (uint32_t i = 0; i < width; i++) held &= all[i].busy;
    int count = epoll_wait(epoll, seen, 64, -1);
    if (held) held_until = now_us();
    for (int i = 0; i < count; i++) {
      uint64_t ticks;
      if (seen[i].data.ptr) hear(seen[i].data.ptr);
      else if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) perror("timer");
    }
  }
  double seconds = (double)(now_us() - begin) / 1e6;
  qsort(latencies, ok, sizeof *latencies, by_size);
  qsort(lags, next, sizeof *lags, by_size);
  printf("{\"sent\": %lu, \"unsent\": %lu, \"ok\": %lu, \"failed\": %lu, \"refused\": %lu, \"seconds\": %.3f, \"p50\": %.0f, \"p90\": %.0f, "
         "\"p99\": %.0f, \"p999\": %.0f, \"max\": %.0f, \"lag_p99\": %.0f, \"first_failure\": %.3f, \"last_failure\": %.3f, "
         "\"last_slow\": %.3f}\n",
         next, total - next, ok, failed, refused, seconds, share(latencies, ok, 0.5), share(latencies, ok, 0.9),
         share(latencies, ok, 0.99), share(latencies, ok, 0.999), share(latencies, ok, 1.0), share(lags, next, 0.99),
         (double)first_failure / 1e6, (double)last_failure / 1e6, (double)last_slow / 1e6);
  return 0;
}
