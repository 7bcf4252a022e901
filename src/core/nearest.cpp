#include "core/nearest.hpp"

#include <algorithm>
#include <numeric>

namespace lodestein {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t exchange_cost(char a, char b) {
  if (a == b) return 0;
  return lower(a) == lower(b) ? 1 : 2;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> above(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = 2 * j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = above[0];
    above[0] = 2 * (i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t exchanged = diagonal + exchange_cost(a[i], b[j]);
      diagonal = above[j + 1];
      above[j + 1] = std::min({exchanged, above[j] + 2, above[j + 1] + 2});
    }
  }
  return above.back();
}

std::vector<std::string> nearest_few(const std::string& word, const std::vector<std::string>& known,
                                     std::size_t count) {
  std::vector<std::size_t> distance(known.size()), order(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) distance[i] = edit_distance(word, known[i]);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return distance[a] < distance[b]; });
  order.resize(std::min(count, order.size()));
  std::vector<std::string> result;
  for (const std::size_t i : order) result.push_back(known[i]);
  return result;
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  const auto few = nearest_few(word, known, 1);
  return few.empty() ? std::string() : few.front();
}

std::string listed(const std::vector<std::string>& names, std::size_t at_most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(at_most, names.size()); ++i) {
    text += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  if (names.size() > at_most) text += " and " + std::to_string(names.size() - at_most) + " more";
  return text;
}

}  // namespace lodestein
