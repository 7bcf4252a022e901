// What the sanitizers must be told about fibers. Without a sanitizer all of it is empty.
#pragma once

#include <cstddef>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define LODESTEIN_SIMT_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define LODESTEIN_SIMT_TSAN 1
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
}
#define LODESTEIN_SIMT_UNSEEN __attribute__((no_sanitize_thread, noinline))
#else
#define LODESTEIN_SIMT_UNSEEN
#endif

namespace lodestein::kernels::simt {

inline void poison([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef LODESTEIN_SIMT_ASAN
  ASAN_POISON_MEMORY_REGION(data, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef LODESTEIN_SIMT_ASAN
  ASAN_UNPOISON_MEMORY_REGION(data, bytes);
#endif
}

/// While one lives, ThreadSanitizer overlooks this thread's accesses: bookkeeping of the executor
/// is shared by fibers, and is not what the kernel does.
class Unseen {
 public:
#ifdef LODESTEIN_SIMT_TSAN
  Unseen() {
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
  }
  ~Unseen() {
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
  }
#else
  Unseen() {}
  ~Unseen() {}
#endif
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
};

/// The opposite, within the life of an Unseen: around a switch to another fiber, since this one may
/// never be resumed and ThreadSanitizer wants fibers to end with nothing overlooked.
class Seen {
 public:
#ifdef LODESTEIN_SIMT_TSAN
  Seen() {
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
  }
  ~Seen() {
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
  }
#else
  Seen() {}
  ~Seen() {}
#endif
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;
};

/// What happened before `release` has happened for whoever calls `acquire` with that address.
inline void release([[maybe_unused]] void* address) {
#ifdef LODESTEIN_SIMT_TSAN
  __tsan_release(address);
#endif
}
inline void acquire([[maybe_unused]] void* address) {
#ifdef LODESTEIN_SIMT_TSAN
  __tsan_acquire(address);
#endif
}

}  // namespace lodestein::kernels::simt
