// Checks the kernels on a device against float64, and times them beside what the machine can do. See the script `run` beside this.
//
//   device_check FOLDER KERNELS.TXT [name=value ...] [group ...]
//
// FOLDER holds the cubins. Without groups, all are run. Exit 1: something was wrong.
#include "check.h"

#include "check_ceilings.h"
#include "check_linear.h"
#include "check_portable.h"
#include "check_step.h"

namespace {

int run_child(const Group& group, int table) {
  Gpu gpu(options().folder, options().list);
  gpu.carveout = options().number("carveout", -1);
  Checks checks{gpu, table};
  group.run(checks);
  gpu.check(gpu.driver.cuCtxSynchronize(), "at the end");
  if (checks.failures > 0) printf("  %d wrong\n", checks.failures);
  fflush(stdout);
  return checks.failures > 0 ? 1 : 0;
}

// What the group's process left in the pipe, until it ends or its time is over.
bool run_group(const Group& group, std::string& table) {
  auto begin = std::chrono::steady_clock::now();
  printf("== %s\n", group.name);
  fflush(stdout);
  int ends[2];
  if (pipe(ends) != 0) Gpu::fail("pipe");
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    _exit(run_child(group, ends[1]));
  }
  close(ends[1]);
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  bool late = false;
  for (char buffer[4096];;) {
    int left = (int)((group.seconds - seconds()) * 1000);
    pollfd watch = {ends[0], POLLIN, 0};
    if (left <= 0 || poll(&watch, 1, left) == 0) {
      late = true;
      kill(child, SIGKILL);
      break;
    }
    ssize_t n = read(ends[0], buffer, sizeof buffer);
    if (n <= 0) break;
    table.append(buffer, n);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  bool good = !late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  char line[200];
  snprintf(line, sizeof line, "%s %s in %.1f s%s\n", good ? "right" : "WRONG", group.name, seconds(), late ? ", ended for taking longer than it may" : "");
  printf("%s", line);
  fflush(stdout);
  table += line;
  return good;
}

} // namespace

int main(int count, char** words) {
  if (count < 3) {
    fprintf(stderr, "device_check FOLDER KERNELS.TXT [name=value ...] [group ...]\n");
    return 2;
  }
  options().folder = words[1];
  options().list = words[2];
  std::vector<std::string> wanted;
  for (int i = 3; i < count; i++) {
    std::string word = words[i];
    size_t at = word.find('=');
    if (at != std::string::npos)
      options().others[word.substr(0, at)] = word.substr(at + 1);
    else
      wanted.push_back(word);
  }
  std::string table;
  bool good = true;
  for (const Group& group : groups())
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), group.name) != wanted.end()) good &= run_group(group, table);
  printf("\n%s", table.c_str());
  printf("%s\n", good ? "all right" : "SOMETHING WRONG");
  return good ? 0 : 1;
}
