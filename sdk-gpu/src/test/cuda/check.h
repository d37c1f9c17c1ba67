// Groups of checks. Each runs in a process of its own, for a limited time, so that a kernel that never ends costs its group alone.
#pragma once

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "gpu.h"

struct Checks {
  Gpu& gpu;
  int table;   // a pipe: lines of the table at the end
  int failures = 0;

  // A line for the table that ends the run.
  void row(const char* format, ...) __attribute__((format(printf, 2, 3))) {
    char line[400];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    n = std::min(n, (int)sizeof line - 2);
    line[n] = '\n';
    line[n + 1] = 0;
    printf("%s", line);
    fflush(stdout);
    if (write(table, line, n + 1) != n + 1) _exit(4);
  }

  void expect(bool right, const char* format, ...) __attribute__((format(printf, 3, 4))) {
    if (right) return;
    failures++;
    if (failures > 25) return;
    va_list arguments;
    va_start(arguments, format);
    printf("  WRONG: ");
    vprintf(format, arguments);
    printf("\n");
    fflush(stdout);
    va_end(arguments);
  }
};

struct Group {
  const char* name;
  int seconds;
  void (*run)(Checks&);
};

inline std::vector<Group>& groups() {
  static std::vector<Group> all;
  return all;
}

struct GroupOf {
  GroupOf(const char* name, int seconds, void (*run)(Checks&)) { groups().push_back({name, seconds, run}); }
};

// How far values are from what they should be.
struct Distance {
  double norm = 0;  // of the difference, over that of what should be
  double worst = 0; // largest difference over the root mean square of what should be
  int64_t unwritten = 0;

  template <class T, class F> static Distance between(const std::vector<T>& is, F value, const std::vector<double>& shouldBe) {
    double difference = 0, size = 0, most = 0;
    Distance d;
    for (size_t i = 0; i < is.size(); i++) {
      double x = value(is[i]);
      if (x != x) {
        d.unwritten++;
        continue;
      }
      double e = x - shouldBe[i];
      difference += e * e;
      size += shouldBe[i] * shouldBe[i];
      most = std::max(most, fabs(e));
    }
    d.norm = size == 0 ? difference : sqrt(difference / size);
    d.worst = size == 0 ? most : most / sqrt(size / is.size());
    return d;
  }
};

// What the program was called with.
struct Options {
  std::string folder, list;
  std::map<std::string, std::string> others;
  int number(const char* name, int otherwise) const { return others.count(name) ? atoi(others.at(name).c_str()) : otherwise; }
};
inline Options& options() {
  static Options all;
  return all;
}
