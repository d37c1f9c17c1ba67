package dev.serval.api.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.TransferBatch.State;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TransferBatchTest {
  private final CountedSource source = new CountedSource(MemoryKind.PINNED, 1 << 20);
  private final RegionPool pool = RegionPool.root("gpu:0", Bytes.mebi(1), source);
  private final Region from = pool.allocate(100);
  private final Region to = pool.allocate(100);
  private final AtomicInteger ends = new AtomicInteger();
  private final TransferBatch batch =
      new TransferBatch(TransferPriority.URGENT, ended -> ends.incrementAndGet());

  /** Brings the batch to a state, with one share left if it is under way. */
  private void bringTo(String state) {
    if (!state.equals("EMPTY") && !state.equals("FILLING")) {
      batch.copy(from, 0, to, 0, 100);
    }
    switch (state) {
      case "FILLING" -> batch.copy(from, 0, to, 0, 100);
      case "EMPTY", "QUEUED" -> batch.queue(1);
      default -> {
        batch.queue(1);
        further(state);
      }
    }
  }

  private void further(String state) {
    switch (state) {
      case "RUNNING" -> act("begin");
      case "MOVED" -> act("begin move");
      case "STOPPING" -> act("cancel");
      case "STOPPING_MOVED" -> act("begin move cancel");
      case "FAILING" -> act("begin fail");
      case "SUCCEEDED" -> act("begin move end");
      case "FAILED" -> act("fail end");
      case "CANCELLED" -> act("cancel end");
      default -> throw new AssertionError(state);
    }
  }

  private void act(String actions) {
    for (String action : actions.split(" ", -1)) {
      switch (action) {
        case "submit" -> batch.queue(1);
        case "begin" -> {
          if (batch.begin()) {
            batch.end();
          }
        }
        case "move" -> batch.moved(TransferPath.REGION_COPY, "", 100, 100, 5);
        case "cancel" -> batch.stop();
        case "fail" -> batch.fail(new TransferException("broken", null));
        case "end" -> batch.end();
        case "clear" -> batch.clear();
        case "add" -> batch.copy(from, 0, to, 0, 1);
        default -> throw new AssertionError(action);
      }
    }
  }

  /** The table in the documentation of {@link TransferBatch}, line by line. */
  @ParameterizedTest
  @CsvSource({
    "FILLING,        add,    FILLING",
    "FILLING,        clear,  FILLING",
    "FILLING,        cancel, FILLING",
    "FILLING,        submit, QUEUED",
    "QUEUED,         begin,  RUNNING",
    "QUEUED,         cancel, STOPPING",
    "QUEUED,         fail,   STOPPING",
    "EMPTY,          end,    SUCCEEDED",
    "RUNNING,        begin,  RUNNING",
    "RUNNING,        cancel, STOPPING",
    "RUNNING,        fail,   STOPPING",
    "MOVED,          end,    SUCCEEDED",
    "STOPPING,       begin,  STOPPING",
    "STOPPING,       cancel, STOPPING",
    "STOPPING,       fail,   STOPPING",
    "STOPPING,       end,    CANCELLED",
    "STOPPING_MOVED, end,    SUCCEEDED",
    "FAILING,        end,    FAILED",
    "SUCCEEDED,      clear,  FILLING",
    "FAILED,         clear,  FILLING",
    "CANCELLED,      clear,  FILLING",
    "SUCCEEDED,      cancel, SUCCEEDED",
    "FAILED,         cancel, FAILED",
    "CANCELLED,      cancel, CANCELLED"
  })
  void what_is_allowed_leads_where_the_table_says(String state, String action, State after) {
    bringTo(state);
    act(action);
    assertThat(batch.state()).isEqualTo(after);
    boolean cleared = action.equals("clear") && !state.equals("FILLING");
    assertThat(ends.get()).isEqualTo(after.ended() || cleared ? 1 : 0);
  }

  @ParameterizedTest
  @CsvSource({
    "FILLING, end",
    "FILLING, fail",
    "QUEUED, submit",
    "QUEUED, clear",
    "QUEUED, add",
    "RUNNING, submit",
    "RUNNING, clear",
    "RUNNING, add",
    "STOPPING, submit",
    "STOPPING, clear",
    "STOPPING, add",
    "SUCCEEDED, submit",
    "SUCCEEDED, add",
    "SUCCEEDED, fail",
    "SUCCEEDED, end",
    "FAILED, submit",
    "FAILED, end",
    "CANCELLED, submit",
    "CANCELLED, fail"
  })
  void what_is_not_allowed_is_refused_and_changes_nothing(String state, String action) {
    bringTo(state);
    State before = batch.state();
    int size = batch.size();
    assertThatThrownBy(() -> act(action))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(before.toString());
    assertThat(batch.state()).isEqualTo(before);
    assertThat(batch.size()).isEqualTo(size);
  }

  @Test
  void regions_are_held_from_the_submission_to_the_end() {
    bringTo("QUEUED");
    from.close();
    to.close();
    assertThat(source.regions()).isEqualTo(2);
    act("begin cancel");
    assertThat(source.regions()).isEqualTo(2);
    act("end");
    assertThat(source.regions()).isZero();
  }

  @Test
  void a_batch_with_a_closed_region_is_refused_and_holds_nothing() {
    Region closed = pool.allocate(10);
    batch.copy(from, 0, to, 0, 10).copy(from, 0, closed, 0, 10);
    closed.close();
    assertThatThrownBy(() -> batch.queue(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
    assertThat(batch.state()).isEqualTo(State.FILLING);
    from.close();
    assertThat(from.state()).isEqualTo(Region.State.RELEASED);
  }

  @Test
  void bytes_outside_a_region_are_refused_and_not_added() {
    assertThatThrownBy(() -> batch.copy(from, 1, to, 0, 100))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessageContaining("100 bytes from offset 1 on are not within a region of 100 bytes");
    assertThatThrownBy(() -> batch.copy(from, 0, to, -1, 10))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> batch.copy(from, 0, to, Long.MAX_VALUE, 10))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(batch.size()).isZero();
    assertThat(batch.bytes()).isZero();
  }

  @Test
  void waiting_ends_with_the_outcome() throws Exception {
    bringTo("RUNNING");
    assertThat(batch.await(Duration.ofMillis(1))).isFalse();
    Thread ender =
        Thread.ofVirtual()
            .start(() -> {
              batch.moved(TransferPath.REGION_COPY, "", 100, 100, 5);
              batch.end();
            });
    batch.await();
    ender.join();
    assertThat(batch.await(Duration.ZERO)).isTrue();
    assertThat(batch.failure()).isEmpty();
  }

  @Test
  void a_cancelled_batch_says_what_was_moved() {
    bringTo("QUEUED");
    act("begin");
    batch.moved(TransferPath.REGION_COPY, "", 40, 40, 5);
    act("cancel end");
    assertThatThrownBy(batch::await)
        .isInstanceOf(TransferException.class)
        .hasMessage("a batch of 1 transfers was cancelled when 40 of 100 bytes had been moved");
  }

  @Test
  void the_first_failure_counts() {
    bringTo("RUNNING");
    act("fail");
    batch.fail(new TransferException("broken again", null));
    act("end");
    assertThatThrownBy(batch::await).hasMessage("broken");
    assertThat(batch.failure()).hasValueSatisfying(e -> assertThat(e).hasMessage("broken"));
  }

  @Test
  void what_was_never_submitted_is_not_waited_for() {
    assertThatThrownBy(batch::await)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("FILLING");
  }

  @Test
  void each_way_has_a_report() {
    bringTo("RUNNING");
    batch.moved(TransferPath.CACHED_READ, "tmpfs refuses O_DIRECT", 60, 180, 6);
    batch.moved(TransferPath.REGION_COPY, "", 40, 40, 4);
    act("end");
    assertThat(batch.reports())
        .extracting(TransferReport::path, TransferReport::bytes, TransferReport::copies)
        .containsExactly(
            tuple(TransferPath.REGION_COPY, 40L, 1.0), tuple(TransferPath.CACHED_READ, 60L, 3.0));
    TransferReport read = batch.reports().getLast();
    assertThat(read.processorSecondsPerGigabyte()).isEqualTo(0.1);
    assertThat(read.wallNanos()).isPositive();
    assertThat(read).asString().contains("page cache").contains("tmpfs refuses O_DIRECT");
  }

  @Test
  void a_batch_can_be_used_again_and_remembers_nothing() {
    bringTo("FAILED");
    batch.clear();
    assertThat(batch.failure()).isEmpty();
    batch.copy(to, 0, from, 0, 100);
    act("submit begin move end");
    assertThat(batch.state()).isEqualTo(State.SUCCEEDED);
    assertThatCode(batch::await).doesNotThrowAnyException();
    assertThat(ends.get()).isEqualTo(2);
  }
}
