package dev.serval.models.cpu.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.Bytes;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.system.SystemCalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@Timeout(60)
final class PagesAheadTest {
  private static final long MEBI = 1 << 20;
  private static final long BASE = 1L << 40;

  private final List<Long> asked = Collections.synchronizedList(new ArrayList<>());

  private boolean note(long address, long bytes) {
    return asked.add(address - BASE) && bytes > 0;
  }

  private static void await(PagesAhead pages, long populated) {
    while (pages.populated() < populated) {
      assertThat(Thread.interrupted()).as("timed out").isFalse();
    }
  }

  @Test
  void pages_are_asked_for_in_order_and_no_further_than_a_bound_beyond_those_in_use() {
    try (PagesAhead pages = new PagesAhead(BASE, 1000 * MEBI, this::note)) {
      await(pages, 32 * MEBI);
      pages.use(10 * MEBI);
      assertThat(pages.populated()).as("half of the bound is still ahead").isEqualTo(32 * MEBI);
      pages.use(20 * MEBI);
      await(pages, 52 * MEBI);
    }
    assertThat(asked).hasSize(26).isSorted().startsWith(0L, 2 * MEBI);
  }

  @Test
  void nothing_is_asked_for_beyond_the_end() {
    try (PagesAhead pages = new PagesAhead(BASE, 5 * MEBI, this::note)) {
      await(pages, 5 * MEBI);
      pages.use(5 * MEBI);
    }
    assertThat(asked).containsExactly(0L, 2 * MEBI, 4 * MEBI);
  }

  @Test
  void a_system_that_does_not_know_the_question_is_asked_once() {
    try (PagesAhead pages =
        new PagesAhead(BASE, 1000 * MEBI, (address, bytes) -> !note(address, bytes))) {
      await(pages, 2 * MEBI);
      pages.use(500 * MEBI);
    }
    assertThat(asked).containsExactly(0L);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void the_systems_pages_are_there_and_keep_what_lies_in_them() throws IOException {
    try (NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1))) {
      MemorySegment segment = memory.allocate(96 * MEBI, 64).asSlice(64);
      segment.set(ValueLayout.JAVA_INT, 4096, 7);
      assumeTrue(SystemCalls.populate(segment.address(), 1), "Linux 5.14 and native access");
      long before = resident();
      assertThat(SystemCalls.populate(segment.address(), segment.byteSize())).isTrue();

      assertThat(resident() - before).isGreaterThan(80 * MEBI);
      assertThat(segment.get(ValueLayout.JAVA_INT, 4096)).isEqualTo(7);
    }
  }

  private static long resident() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElseThrow();
  }
}
