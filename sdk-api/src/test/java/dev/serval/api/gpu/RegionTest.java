package dev.serval.api.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RegionTest {
  private final CountedSource source = new CountedSource(MemoryKind.PINNED, 1 << 20);
  private final RegionPool pool = RegionPool.root("gpu:0", Bytes.mebi(1), source);

  private Region region(int holds, boolean closed) {
    Region region = pool.allocate(4096);
    IntStream.range(0, holds).forEach(i -> region.hold());
    if (closed) {
      region.close();
    }
    return region;
  }

  /** The table in the documentation of {@link Region}, line by line. */
  @ParameterizedTest
  @CsvSource({
    // holders, closed, action, state after, releases
    "0, false, hold,  OPEN,     0",
    "2, false, hold,  OPEN,     0",
    "1, false, drop,  OPEN,     0",
    "2, false, drop,  OPEN,     0",
    "0, false, close, RELEASED, 1",
    "1, false, close, CLOSED,   0",
    "3, false, close, CLOSED,   0",
    "2, true,  drop,  CLOSED,   0",
    "1, true,  drop,  RELEASED, 1",
    "1, true,  close, CLOSED,   0",
    "0, true,  close, RELEASED, 1"
  })
  void what_is_allowed_leads_where_the_table_says(
      int holds, boolean closed, String action, Region.State state, int releases) {
    Region region = region(holds, closed);
    act(region, action);
    assertThat(region.state()).isEqualTo(state);
    assertThat(source.releases()).isEqualTo(releases);
  }

  @ParameterizedTest
  @CsvSource({"0, false, drop", "0, true, drop", "0, true, hold", "1, true, hold"})
  void what_is_not_allowed_is_refused_and_changes_nothing(
      int holds, boolean closed, String action) {
    Region region = region(holds, closed);
    Region.State before = region.state();
    int releases = source.releases();
    assertThatThrownBy(() -> act(region, action))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("gpu:0");
    assertThat(region.state()).isEqualTo(before);
    assertThat(source.releases()).isEqualTo(releases);
  }

  private static void act(Region region, String action) {
    switch (action) {
      case "hold" -> region.hold();
      case "drop" -> region.drop();
      default -> region.close();
    }
  }

  @Test
  void memory_is_released_once_whichever_of_many_holders_is_the_last() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 2_000; round++) {
      Region region = region(3, false);
      CountDownLatch begin = new CountDownLatch(1);
      int closer = random.nextInt(4);
      List<Thread> threads =
          IntStream.range(0, 4)
              .mapToObj(i ->
                  Thread.ofVirtual()
                      .start(() -> {
                        awaitUninterruptibly(begin);
                        act(region, i == closer ? "close" : "drop");
                      }))
              .toList();
      begin.countDown();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(region.state()).as("seed %d", seed).isEqualTo(Region.State.RELEASED);
      assertThat(source.releases()).as("seed %d", seed).isEqualTo(round + 1);
    }
    assertThat(pool.used()).isEqualTo(Bytes.ZERO);
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void the_hosts_view_ends_with_its_owners_close_though_a_transfer_holds_the_memory() {
    Region region = region(1, false);
    MemorySegment view = region.segment();
    view.set(ValueLayout.JAVA_BYTE, 4095, (byte) 7);
    assertThat(region.segment().get(ValueLayout.JAVA_BYTE, 4095)).isEqualTo((byte) 7);
    region.close();
    assertThatThrownBy(() -> view.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(region::segment).isInstanceOf(IllegalStateException.class);
    assertThat(region.state()).isEqualTo(Region.State.CLOSED);
  }

  @Test
  void device_memory_has_no_view() {
    try (RegionPool device =
        RegionPool.root("gpu:0", Bytes.mebi(1), new CountedSource(MemoryKind.DEVICE, 1 << 20))) {
      assertThatThrownBy(() -> device.allocate(1).segment())
          .isInstanceOf(UnsupportedOperationException.class)
          .hasMessageContaining("device memory of gpu:0");
    }
  }
}
