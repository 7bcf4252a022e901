#pragma once

#include <stdexcept>
#include <string>

namespace lodestein {

/// Base of everything the library throws. Statistical failure is not thrown: it is a value with a
/// diagnosis (see core/finding.hpp).
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument or an input file's content cannot be used; the message names it and the remedy.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// Two shapes that must agree do not; the message names both.
class DimensionMismatch : public InvalidArgument {
 public:
  using InvalidArgument::InvalidArgument;
};

/// A file cannot be read, parsed or written; the message names the file and the place in it.
class IoError : public Error {
 public:
  using Error::Error;
};

/// The build lacks what was asked for; the message says how to build it in.
class NotCompiled : public Error {
 public:
  using Error::Error;
};

/// A device or a device allocation failed.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// There is no memory for it, on a device or the host. The device itself works.
class OutOfMemory : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

/// The observer asked to stop; nothing was half written.
class Cancelled : public Error {
 public:
  using Error::Error;
};

}  // namespace lodestein
