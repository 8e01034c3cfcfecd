// A card that answers at once: what a virtual reader (vpcd) costs by itself.
//
//   answer-at-once PORT ATR RESPONSE
//
// Connects to vpcd on this machine and gives the same response, in hexadecimal like the answer to reset, to every command.
// It does no more than the fastest reasonable card must: it has what comes acknowledged at once, because Debian's vpcd
// sends a frame's length and body apart, and sends length and body together itself. It ends when the reader does.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH = 2, LONGEST = 65535, GET_ATR = 4 };

struct frame {
  uint8_t octets[LENGTH + LONGEST];
  size_t count;
};

static void parse(const char *digits, struct frame *frame) {
  size_t count = strlen(digits) / 2;
  if (count > LONGEST) exit(64);
  frame->octets[0] = (uint8_t)(count >> 8);
  frame->octets[1] = (uint8_t)count;
  for (size_t index = 0; index < count; index++) {
    unsigned int octet;
    if (sscanf(digits + 2 * index, "%2x", &octet) != 1) exit(64);
    frame->octets[LENGTH + index] = (uint8_t)octet;
  }
  frame->count = LENGTH + count;
}

static void answer(int reader, const struct frame *frame) {
  if (send(reader, frame->octets, frame->count, MSG_NOSIGNAL) != (ssize_t)frame->count) exit(74);
}

static int insert(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int reader = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (reader < 0 || connect(reader, (struct sockaddr *)&address, sizeof address) != 0) exit(69);
  int on = 1;
  setsockopt(reader, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return reader;
}

int main(int argc, char **argv) {
  static struct frame answer_to_reset, response, input;
  if (argc != 4) return 64;
  parse(argv[2], &answer_to_reset);
  parse(argv[3], &response);
  int reader = insert((uint16_t)atoi(argv[1]));
  for (;;) {
    int on = 1;
    setsockopt(reader, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    ssize_t count = recv(reader, input.octets + input.count, sizeof input.octets - input.count, 0);
    if (count <= 0) return 0;
    input.count += (size_t)count;
    while (input.count >= LENGTH) {
      size_t length = LENGTH + ((size_t)input.octets[0] << 8 | input.octets[1]);
      if (input.count < length) break;
      if (length != LENGTH + 1) answer(reader, &response);
      else if (input.octets[LENGTH] == GET_ATR) answer(reader, &answer_to_reset);
      input.count -= length;
      memmove(input.octets, input.octets + length, input.count);
    }
  }
}
