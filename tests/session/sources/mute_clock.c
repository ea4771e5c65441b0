/* Let the process that preloads this answer no question for its clock, as a firewall that blocks UDP does. Of what liblsl sends
   over UDP, only its answers to those who look for streams hold XML; nothing else goes out. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

static const char XML[] = "<?xml";

static int is_datagram(int fd) {
    int kind = 0;
    socklen_t length = sizeof kind;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length) == 0 && kind == SOCK_DGRAM;
}

ssize_t sendto(int fd, const void *bytes, size_t n, int flags, const struct sockaddr *to, socklen_t to_length) {
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "sendto");
    if (is_datagram(fd) && !memmem(bytes, n, XML, strlen(XML))) return (ssize_t)n;
    return real(fd, bytes, n, flags, to, to_length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    ssize_t (*real)(int, const struct msghdr *, int) = dlsym(RTLD_NEXT, "sendmsg");
    ssize_t n = 0;
    int found = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const struct iovec *part = &message->msg_iov[i];
        found |= memmem(part->iov_base, part->iov_len, XML, strlen(XML)) != NULL;
        n += (ssize_t)part->iov_len;
    }
    return is_datagram(fd) && !found ? n : real(fd, message, flags);
}
