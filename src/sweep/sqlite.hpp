#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace lodestein::sweep {

class Database;

/// One prepared statement; finalised when it goes.
class Statement {
 public:
  Statement(const Database& database, const std::string& sql);

  /// Binds the parameters 1, 2, ... in turn.
  Statement& operator<<(std::int64_t value);
  Statement& operator<<(double value);  ///< NaN becomes NULL
  Statement& operator<<(const std::string& value);
  /// Runs to the next row; false at the end, after which it may be bound and run again.
  bool step();
  /// For statements that have no rows.
  void run();

  std::int64_t whole(int column) const;
  double real(int column) const;  ///< NULL becomes NaN
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  Statement& bound(int code);

  struct Finalise {
    void operator()(sqlite3_stmt* statement) const;
  };
  const Database* database_;
  int bound_ = 0;
  std::unique_ptr<sqlite3_stmt, Finalise> statement_;
};

/// An open SQLite file; failures are IoErrors that name it.
class Database {
 public:
  enum class Mode { read, write };
  Database(const std::filesystem::path& file, Mode mode);

  void run(const std::string& sql) const;
  /// Readers and one writer side by side; stays with the file. @throws IoError where it can't be
  /// had.
  void use_wal() const;
  bool has_table(const std::string& name) const;
  /// @throws IoError with SQLite's words for the code and what to do.
  [[noreturn]] void fail(int code) const;

  sqlite3* get() const { return handle_.get(); }
  const std::string& name() const { return name_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  void open(const std::string& uri, int flags);

  std::string name_;
  Mode mode_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// All or nothing: rolled back unless committed.
class Transaction {
 public:
  enum class Kind { read, write };
  explicit Transaction(const Database& database, Kind kind = Kind::write) : database_(database) {
    database.run(kind == Kind::write ? "begin immediate" : "begin");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database& database_;
  bool open_ = true;
};

}  // namespace lodestein::sweep
