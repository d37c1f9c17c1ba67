package dev.serval.scheduling;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import java.util.stream.LongStream;

/**
 * The limits that control groups set to this process, of version 2 and 1. A limit holds for a group
 * and all groups within it, so the least on the way up counts. Where a container sees only its own
 * group, that is mounted at the top, which is always looked at too.
 *
 * @see <a href="https://docs.kernel.org/admin-guide/cgroup-v2.html">Control Group v2</a>
 */
final class ControlGroup {
  private static final String MOUNT = "sys/fs/cgroup";
  private static final Pattern COLON = Pattern.compile(":");
  private static final Pattern SPACE = Pattern.compile("\\s+");

  private final SystemFiles files;

  ControlGroup(SystemFiles files) {
    this.files = files;
  }

  /** The least memory limit in bytes; empty if there is none. */
  OptionalLong memory() {
    LongStream unified =
        groups("", MOUNT).stream()
            .map(g -> files.number(g + "/memory.max"))
            .flatMapToLong(OptionalLong::stream);
    LongStream legacy =
        groups("memory", MOUNT + "/memory").stream()
            .map(g -> files.number(g + "/memory.limit_in_bytes"))
            .flatMapToLong(OptionalLong::stream);
    return LongStream.concat(unified, legacy).min();
  }

  /** The least quota of processor time, in whole cores and at least 1; empty if there is none. */
  OptionalLong cores() {
    LongStream unified =
        groups("", MOUNT).stream().map(this::unifiedQuota).flatMapToLong(OptionalLong::stream);
    LongStream legacy =
        groups("cpu", MOUNT + "/cpu").stream()
            .map(this::legacyQuota)
            .flatMapToLong(OptionalLong::stream);
    return LongStream.concat(unified, legacy).min();
  }

  private OptionalLong unifiedQuota(String group) {
    String[] parts = SPACE.split(files.text(group + "/cpu.max").orElse("max").strip(), -1);
    return parts.length == 2
        ? cores(SystemFiles.numberIn(parts[0]), SystemFiles.numberIn(parts[1]))
        : OptionalLong.empty();
  }

  private OptionalLong legacyQuota(String group) {
    return cores(
        files.number(group + "/cpu.cfs_quota_us"), files.number(group + "/cpu.cfs_period_us"));
  }

  private static OptionalLong cores(OptionalLong quota, OptionalLong period) {
    return quota.orElse(0) > 0 && period.orElse(0) > 0
        ? OptionalLong.of(Math.ceilDiv(quota.getAsLong(), period.getAsLong()))
        : OptionalLong.empty();
  }

  /** The folders of this process's group and of those around it, innermost first. */
  private List<String> groups(String controller, String mount) {
    List<String> folders = new ArrayList<>();
    for (String path = path(controller);
        !path.isEmpty();
        path = path.substring(0, path.lastIndexOf('/'))) {
      folders.add(mount + path);
    }
    folders.add(mount);
    return folders;
  }

  /** The group's path as {@code /proc/self/cgroup} has it, empty for the top. */
  private String path(String controller) {
    for (String line : files.lines("proc/self/cgroup")) {
      String[] fields = COLON.split(line, 3);
      if (fields.length == 3 && List.of(fields[1].split(",", -1)).contains(controller)) {
        return fields[2].startsWith("/") && fields[2].length() > 1 ? fields[2] : "";
      }
    }
    return "";
  }
}
