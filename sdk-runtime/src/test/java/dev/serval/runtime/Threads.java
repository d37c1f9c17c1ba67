package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The platform threads there were at a moment, to find those that are left over.
 *
 * @param there the threads
 */
record Threads(Set<Thread> there) {
  static Threads now() {
    return new Threads(Set.copyOf(Thread.getAllStackTraces().keySet()));
  }

  /** No thread of a runtime is left; one that has ended may take a moment to be gone. */
  void assertNoneLeft() {
    Set<Thread> left =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> !there.contains(thread) && thread.getName().startsWith("serval"))
            .collect(Collectors.toSet());
    assertThat(left).allSatisfy(t -> assertThat(joined(t)).as(t.getName()).isTrue());
  }

  private static boolean joined(Thread thread) {
    try {
      return thread.join(Duration.ofSeconds(60));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
