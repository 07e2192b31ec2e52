/*
 * A load generator for CoAP servers: as many requests as its window allows, over UDP from many ports or over TCP.
 *
 *   cc -O2 -o coapload coapload.c
 *   coapload PORT key=value ...        prints one line of JSON
 *
 * It looks for work without ever sleeping (epoll_wait with a timeout of 0), so that no server pays for waking it, and
 * tells the share of the time in which it had work: near 1 it is the bottleneck. C, because a generator in Node costs
 * as much per message as the servers that it is to saturate.
 *
 * Every response is held against its request: token, message id and class of its code; blocks by their number and
 * size. What is wrong is counted, and voids the measurement.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CON, NON, ACK, RST };
enum { GET = 1, PUT = 3 };
enum { OBSERVE = 6, URI_PATH = 11, BLOCK2 = 23, BLOCK1 = 27, ECHO = 252 };
enum { MAX_TOKEN = 4, MAX_ECHO = 40, BLOCK_SIZE = 1024, BLOCK_SZX = 6 };

/* Nothing for so long: the request, or its response, was lost. */
static const double RESEND_AFTER_SECONDS = 1;

static struct {
  int port, sockets, window, type, is_tcp, is_put, observers, body, server;
  const char *path;
  double warmup, seconds;
} config = {.sockets = 200, .window = 1, .type = CON, .path = "example_data", .warmup = 1, .seconds = 3};

struct client {
  int fd;
  uint16_t message_id;
  uint32_t sent, received; /* requests; the token of a request is its number */
  int block;               /* the block that is under way */
  double sent_at;
  uint8_t echo[MAX_ECHO];
  int echo_length;
  int is_observer;
  uint32_t notification; /* the publication that it has seen */
  uint8_t pending[65536];
  int pending_length;
};

/* A message as it came in; values point into the datagram. */
struct message {
  int type, code;
  uint16_t message_id;
  const uint8_t *token, *payload, *echo;
  int token_length, payload_length, echo_length;
  int has_observe, has_block;
  uint32_t block;
};

static struct {
  long done, bytes, wrong, resent;
  double idle;
} tally;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "coapload: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* ------------------------------------------------------------------ codec: what the load needs of RFC 7252 and 8323 */

static uint8_t *put_option(uint8_t *out, int *last, int number, const void *value, int length) {
  int delta = number - *last;
  *last = number;
  uint8_t *head = out++;
  int delta_nibble = delta < 13 ? delta : 13, length_nibble = length < 13 ? length : 13;
  *head = (uint8_t)(delta_nibble << 4 | length_nibble);
  if (delta_nibble == 13) *out++ = (uint8_t)(delta - 13); /* All of ours are below 269. */
  if (length_nibble == 13) *out++ = (uint8_t)(length - 13);
  memcpy(out, value, (size_t)length);
  return out + length;
}

static int shortest(uint8_t *out, uint32_t value) {
  int length = 0;
  for (int shift = 24; shift >= 0; shift -= 8)
    if (length > 0 || value >> shift) out[length++] = (uint8_t)(value >> shift);
  return length;
}

/* Options and payload of the next request of `client`. */
static uint8_t *put_request(uint8_t *out, const struct client *client, int is_put) {
  int last = 0;
  uint8_t value[4];
  if (client->is_observer) out = put_option(out, &last, OBSERVE, value, 0);
  out = put_option(out, &last, URI_PATH, config.path, (int)strlen(config.path));
  int payload = is_put ? 8 : 0;
  if (config.body > 0) {
    int rest = config.body - client->block * BLOCK_SIZE;
    uint32_t more = is_put && rest > BLOCK_SIZE ? 8 : 0;
    int length = shortest(value, (uint32_t)client->block << 4 | more | BLOCK_SZX);
    out = put_option(out, &last, is_put ? BLOCK1 : BLOCK2, value, length);
    if (is_put) payload = rest > BLOCK_SIZE ? BLOCK_SIZE : rest;
  }
  if (client->echo_length > 0) out = put_option(out, &last, ECHO, client->echo, client->echo_length);
  if (payload == 0) return out;
  *out++ = 0xff;
  /* A body that is the same each time, a small payload that is not: notifications tell it. */
  memset(out, 'x', (size_t)payload);
  if (config.body == 0) snprintf((char *)out, 9, "%08x", client->sent);
  return out + payload;
}

static void put_token(uint8_t *out, uint32_t number) {
  out[0] = (uint8_t)(number >> 24), out[1] = (uint8_t)(number >> 16), out[2] = (uint8_t)(number >> 8), out[3] = (uint8_t)number;
}

static uint32_t token_of(const struct message *message) {
  if (message->token_length != MAX_TOKEN) return UINT32_MAX;
  const uint8_t *token = message->token;
  return (uint32_t)token[0] << 24 | (uint32_t)token[1] << 16 | (uint32_t)token[2] << 8 | token[3];
}

/* Options and payload from `at`; 0 when they are malformed. */
static int parse_options(struct message *message, const uint8_t *at, const uint8_t *end) {
  for (int number = 0; at < end && *at != 0xff;) {
    int delta = *at >> 4, length = *at & 15;
    at++;
    for (int *field = &delta;; field = &length) {
      if (*field == 13) *field = 13 + *at++;
      else if (*field == 14) *field = 269 + (at[0] << 8 | at[1]), at += 2;
      if (field == &length) break;
    }
    number += delta;
    if (at + length > end) return 0;
    if (number == OBSERVE) message->has_observe = 1;
    if (number == ECHO && length <= MAX_ECHO) message->echo = at, message->echo_length = length;
    if (number == BLOCK1 || number == BLOCK2) {
      message->has_block = 1;
      message->block = 0;
      for (int i = 0; i < length; i++) message->block = message->block << 8 | at[i];
    }
    at += length;
  }
  message->payload = at < end ? at + 1 : end;
  message->payload_length = (int)(end - message->payload);
  return 1;
}

static int parse_datagram(struct message *message, const uint8_t *bytes, int length) {
  *message = (struct message){0};
  if (length < 4 || length < 4 + (bytes[0] & 15)) return 0;
  message->type = bytes[0] >> 4 & 3;
  message->token_length = bytes[0] & 15;
  message->code = bytes[1];
  message->message_id = (uint16_t)(bytes[2] << 8 | bytes[3]);
  message->token = bytes + 4;
  return parse_options(message, bytes + 4 + message->token_length, bytes + length);
}

/* ------------------------------------------------------------------------------------------------- sending */

static void transmit(struct client *client, const uint8_t *bytes, int length) {
  int sent = (int)send(client->fd, bytes, (size_t)length, MSG_NOSIGNAL);
  if (sent == length || !config.is_tcp) return; /* A datagram that does not fit is lost, and sent again later. */
  fail("the server does not read what it is sent");
}

static void open_client(struct client *client);

/* All message ids are used: a server that remembers them would answer again what it answered before (RFC 7252 4.4). */
static void change_port(struct client *client) {
  close(client->fd);
  open_client(client);
  client->echo_length = 0;
}

static void send_request(struct client *client, int is_put, double at) {
  uint8_t bytes[2048], *out = bytes;
  put_token(bytes + 4, client->sent++);
  client->sent_at = at;
  if (!config.is_tcp) {
    if (++client->message_id == 0) change_port(client);
    bytes[0] = (uint8_t)(0x40 | config.type << 4 | MAX_TOKEN);
    bytes[1] = is_put ? PUT : GET;
    bytes[2] = (uint8_t)(client->message_id >> 8), bytes[3] = (uint8_t)client->message_id;
    out = put_request(bytes + 8, client, is_put);
    transmit(client, bytes, (int)(out - bytes));
    return;
  }
  /* RFC 8323 3.2: length of options and payload, token length, extended length, code, token. */
  uint8_t content[1400];
  int length = (int)(put_request(content, client, is_put) - content);
  if (length < 13) *out++ = (uint8_t)(length << 4 | MAX_TOKEN);
  else if (length < 269) *out++ = 13 << 4 | MAX_TOKEN, *out++ = (uint8_t)(length - 13);
  else *out++ = 14 << 4 | MAX_TOKEN, *out++ = (uint8_t)((length - 269) >> 8), *out++ = (uint8_t)(length - 269);
  *out++ = is_put ? PUT : GET;
  put_token(out, client->sent - 1);
  memcpy(out + MAX_TOKEN, content, (size_t)length);
  transmit(client, bytes, (int)(out - bytes) + MAX_TOKEN + length);
}

static void acknowledge(struct client *client, uint16_t message_id) {
  uint8_t bytes[] = {0x60, 0, (uint8_t)(message_id >> 8), (uint8_t)message_id};
  transmit(client, bytes, sizeof bytes);
}

/* ------------------------------------------------------------------------------------------------- receiving */

/* The publisher's clients: the observers first, the publisher behind them. */
static struct client *clients;
static int epoll, awaited;
static uint32_t publication;

static void publish(double at) {
  publication++;
  awaited = config.observers;
  send_request(&clients[config.observers], 1, at);
}

/* A response to an observer: the registration's, or a notification. */
static void receive_notification(struct client *client, const struct message *message, double at) {
  if (!message->has_observe) tally.wrong++;
  if (client->received == 0) { /* Registered; the last of all begins the publications. */
    client->received = 1;
    if (--awaited == 0) publish(at);
    return;
  }
  if (client->notification == publication) return; /* One more of the same state. */
  client->notification = publication;
  tally.done++;
  if (--awaited == 0) publish(at);
}

/* The block of the response is the one asked for. @returns whether the body is whole */
static int receive_block(struct client *client, const struct message *message) {
  /* For an address that it does not know yet a server may choose a smaller first block: the client asks again. */
  if (!config.is_put && message->has_block && (message->block & 7) != BLOCK_SZX) return 0;
  int is_last = (client->block + 1) * BLOCK_SIZE >= config.body;
  int length = is_last ? config.body - client->block * BLOCK_SIZE : BLOCK_SIZE;
  int is_right = message->has_block && message->block >> 4 == (uint32_t)client->block;
  if (config.is_put && is_last && !message->has_block) is_right = 1; /* libcoap leaves Block1 out of its last response. */
  int has_more = message->block >> 3 & 1;
  if (!config.is_put) is_right = is_right && message->payload_length == length && has_more == !is_last;
  if (!is_right) tally.wrong++;
  client->block = is_last ? 0 : client->block + 1;
  return is_last;
}

static void receive(struct client *client, const struct message *message, double at) {
  if (message->echo_length > 0) {
    memcpy(client->echo, message->echo, (size_t)message->echo_length);
    client->echo_length = message->echo_length;
  }
  if (message->code == 0 || message->code >> 5 == 7) return; /* An acknowledgement on its own; a signal of RFC 8323. */
  if (!config.is_tcp && message->type == CON) acknowledge(client, message->message_id);
  if (client->is_observer) {
    receive_notification(client, message, at);
    return;
  }
  uint32_t token = token_of(message);
  int is_response = config.is_tcp ? token >= client->received && token < client->sent : token == client->sent - 1;
  if (!is_response) return; /* To a request that was given up. */
  if (!config.is_tcp && message->type == ACK && message->message_id != client->message_id) tally.wrong++;
  client->received++;
  int is_done = message->code >> 5 == 2;
  if (!is_done && message->echo_length == 0) tally.wrong++;
  else if (config.body > 0) is_done = receive_block(client, message);
  if (config.observers > 0) return; /* Once all observers are told, the next publication follows. */
  if (is_done) tally.done++, tally.bytes += config.body > 0 ? config.body : message->payload_length;
  send_request(client, config.is_put, at);
}

static void read_datagrams(struct client *client, double at) {
  uint8_t bytes[2048];
  for (int length; (length = (int)recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
    struct message message;
    if (parse_datagram(&message, bytes, length)) receive(client, &message, at);
    else tally.wrong++;
  }
}

static void read_stream(struct client *client, double at) {
  int length = (int)recv(client->fd, client->pending + client->pending_length,
                         sizeof client->pending - (size_t)client->pending_length, MSG_DONTWAIT);
  if (length == 0) errno = ECONNRESET, fail("the server closed a connection");
  if (length > 0) client->pending_length += length;
  const uint8_t *start = client->pending, *end = start + client->pending_length;
  while (end - start >= 2) {
    int nibble = *start >> 4, token_length = *start & 15;
    int extended = nibble == 13 ? 1 : nibble == 14 ? 2 : nibble == 15 ? 4 : 0;
    if (end - start < 2 + extended) break;
    int content = nibble == 13 ? 13 + start[1] : nibble == 14 ? 269 + (start[1] << 8 | start[2]) : nibble;
    const uint8_t *token = start + 2 + extended, *stop = token + token_length + content;
    if (stop > end) break;
    struct message message = {.code = token[-1], .token = token, .token_length = token_length};
    if (parse_options(&message, token + token_length, stop)) receive(client, &message, at);
    else tally.wrong++;
    start = stop;
  }
  client->pending_length = (int)(end - start);
  memmove(client->pending, start, (size_t)client->pending_length);
}

/* ------------------------------------------------------------------------------------------------- the load */

static void open_client(struct client *client) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)config.port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client->fd = socket(AF_INET, config.is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
  if (config.is_tcp) {
    int one = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    uint8_t settings[] = {0x00, 0xe1}; /* RFC 8323 5.3: an empty CSM. */
    transmit(client, settings, sizeof settings);
  }
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(client - clients)};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) < 0) fail("epoll_ctl");
}

static void resend_what_was_lost(double at) {
  for (int i = 0; i < config.sockets; i++) {
    struct client *client = &clients[i];
    if (at - client->sent_at < RESEND_AFTER_SECONDS) continue;
    if (config.observers > 0) {
      /* A notification was lost or skipped: the next publication brings the next ones. */
      if (i == config.observers) tally.resent++, publish(at);
      else if (client->received == 0) send_request(client, 0, at);
      continue;
    }
    tally.resent++;
    client->block = 0;
    send_request(client, config.is_put, at);
  }
}

/* Keeps the load up for `seconds`. */
static double run(double seconds) {
  double started = now(), checked = started;
  for (;;) {
    struct epoll_event events[256];
    double asked = now();
    int count = epoll_wait(epoll, events, 256, 0);
    double at = now();
    if (count == 0) tally.idle += at - asked;
    for (int i = 0; i < count; i++) {
      struct client *client = &clients[events[i].data.u32];
      if (config.is_tcp) read_stream(client, at);
      else read_datagrams(client, at);
    }
    if (at - checked > 0.1) {
      checked = at;
      if (!config.is_tcp) resend_what_was_lost(at);
    }
    if (at - started >= seconds) return at - started;
  }
}

static void parse_arguments(int count, char **arguments) {
  if (count < 2) errno = EINVAL, fail("usage: coapload PORT key=value ...");
  config.port = atoi(arguments[1]);
  for (int i = 2; i < count; i++) {
    char *key = arguments[i], *value = strchr(key, '=');
    if (value == NULL) errno = EINVAL, fail(key);
    *value++ = 0;
    if (!strcmp(key, "sockets")) config.sockets = atoi(value);
    else if (!strcmp(key, "window")) config.window = atoi(value);
    else if (!strcmp(key, "type")) config.type = strcmp(value, "non") ? CON : NON;
    else if (!strcmp(key, "transport")) config.is_tcp = !strcmp(value, "tcp");
    else if (!strcmp(key, "method")) config.is_put = !strcmp(value, "put");
    else if (!strcmp(key, "observers")) config.observers = atoi(value);
    else if (!strcmp(key, "body")) config.body = atoi(value);
    else if (!strcmp(key, "path")) config.path = value;
    else if (!strcmp(key, "server")) config.server = atoi(value);
    else if (!strcmp(key, "warmup")) config.warmup = atof(value);
    else if (!strcmp(key, "seconds")) config.seconds = atof(value);
    else errno = EINVAL, fail(key);
  }
  if (config.observers > 0) config.sockets = config.observers + 1;
}

/* What stands in /proc/PID/`file` from `mark` on; NULL where there is none. */
static const char *server_facts(const char *file, const char *mark) {
  static char text[4096];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", config.server, file);
  FILE *stream = config.server > 0 ? fopen(path, "r") : NULL;
  if (stream == NULL) return NULL;
  text[fread(text, 1, sizeof text - 1, stream)] = 0;
  fclose(stream);
  return strstr(text, mark);
}

/* Seconds of processor time that the server has taken. */
static double server_seconds(void) {
  unsigned long user = 0, system = 0;
  const char *facts = server_facts("stat", ") ");
  if (facts != NULL) sscanf(facts, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long server_resident_bytes(void) {
  long kilobytes = 0;
  const char *facts = server_facts("status", "VmRSS:");
  if (facts != NULL) sscanf(facts, "VmRSS: %ld", &kilobytes);
  return kilobytes * 1024;
}

int main(int count, char **arguments) {
  parse_arguments(count, arguments);
  epoll = epoll_create1(0);
  clients = calloc((size_t)config.sockets, sizeof *clients);
  awaited = config.observers;
  double at = now();
  for (int i = 0; i < config.sockets; i++) {
    struct client *client = &clients[i];
    client->is_observer = i < config.observers;
    client->sent_at = at;
    open_client(client);
  }
  for (int i = 0; i < (config.observers > 0 ? config.observers : config.sockets); i++) {
    for (int j = 0; j < (config.is_tcp ? config.window : 1); j++) send_request(&clients[i], config.is_put, at);
  }
  run(config.warmup);
  memset(&tally, 0, sizeof tally);
  double taken = server_seconds(), seconds = run(config.seconds);
  printf("{\"done\":%ld,\"bytes\":%ld,\"wrong\":%ld,\"resent\":%ld,\"seconds\":%.3f,\"busy\":%.3f,", tally.done,
         tally.bytes, tally.wrong, tally.resent, seconds, 1 - tally.idle / seconds);
  printf("\"serverCpu\":%.3f,\"serverResidentBytes\":%ld}\n", (server_seconds() - taken) / seconds,
         server_resident_bytes());
  return 0;
}
