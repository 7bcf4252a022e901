#include "sweep/sqlite.hpp"

#include <sqlite3.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "lodestein/core/error.hpp"

namespace lodestein::sweep {
namespace {

constexpr int patience = 5000;  // ms that a reader's lock is waited for

/// A path in a URI: everything but plain characters as %XX.
std::string escaped(const std::string& path) {
  std::string result;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
    result += plain ? std::string(1, c) : code;
  }
  return result;
}

std::string remedy(int code, Database::Mode mode) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return "; is the disk full? What was committed before is kept: make room and run the same "
             "command again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return "; is there such a folder, and may you write to it?";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another program holds it";
    case SQLITE_NOTADB:
      return mode == Database::Mode::write ? "; it is no store of a sweep, give another --out"
                                           : "; it is no store of a sweep. `lodestein sweep "
                                             "STUDY.toml --out results.db` makes "
                                             "one of a study file";
    case SQLITE_CORRUPT:
      return "; it is damaged";
    default:
      return "";
  }
}

}  // namespace

void Statement::Finalise::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(const Database& database, const std::string& sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.get(), sql.c_str(), -1, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail(code);
}

Statement& Statement::operator<<(std::int64_t value) {
  return bound(sqlite3_bind_int64(statement_.get(), ++bound_, value));
}

Statement& Statement::operator<<(double value) {
  ++bound_;
  return bound(std::isnan(value) ? sqlite3_bind_null(statement_.get(), bound_)
                                 : sqlite3_bind_double(statement_.get(), bound_, value));
}

Statement& Statement::operator<<(const std::string& value) {
  return bound(sqlite3_bind_text(statement_.get(), ++bound_, value.data(),
                                 static_cast<int>(value.size()), SQLITE_TRANSIENT));
}

Statement& Statement::bound(int code) {
  if (code != SQLITE_OK) database_->fail(code);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_.get());
  bound_ = 0;
  if (code != SQLITE_DONE) database_->fail(code);
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

std::int64_t Statement::whole(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN()
                         : sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr
             ? ""
             : std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close(handle); }

Database::Database(const std::filesystem::path& file, Mode mode)
    : name_(file.string()), mode_(mode) {
  const std::string uri = "file:" + escaped(std::filesystem::absolute(file).string());
  if (mode == Mode::write) {
    open(uri, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return;
  }
  // A reader that may write tidies up behind itself, which SQLite lets no other do.
  for (const int flags : {SQLITE_OPEN_READWRITE, SQLITE_OPEN_READONLY}) {
    try {
      open(uri, flags);
      has_table("meta");
      run("pragma query_only = 1");
      return;
    } catch (const IoError&) {
      if (flags == SQLITE_OPEN_READONLY && std::filesystem::exists(name_ + "-wal")) throw;
    }
  }
  // In a folder that can't be written a closed WAL store opens only if nothing can change it.
  open(uri + "?immutable=1", SQLITE_OPEN_READONLY);
}

void Database::use_wal() const {
  Statement mode(*this, "pragma journal_mode = wal");
  if (!mode.step() || mode.text(0) != "wal")  // a row says so, no error code
    throw IoError(name_ + ": can't be kept in WAL mode here; put it on a local disk");
  run("pragma synchronous = normal");
}

void Database::open(const std::string& uri, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &handle, flags | SQLITE_OPEN_URI, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code);
  sqlite3_busy_timeout(handle, patience);
}

void Database::run(const std::string& sql) const {
  const int code = sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

bool Database::has_table(const std::string& name) const {
  Statement statement(*this, "select 1 from sqlite_master where name = ?");
  return (statement << name).step();
}

void Database::fail(int code) const {
  throw IoError(name_ + ": " + (get() != nullptr ? sqlite3_errmsg(get()) : "out of memory") +
                remedy(code, mode_));
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some failures; then this does nothing.
  if (open_) sqlite3_exec(database_.get(), "rollback", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.run("commit");
  open_ = false;
}

}  // namespace lodestein::sweep
