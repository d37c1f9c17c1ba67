package dev.serval.batching;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.SequenceRequest;
import dev.serval.testkit.CollectingSink;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
final class InboxTest {
  private final Inbox inbox = new Inbox();

  private SequenceHandle handle() {
    SequenceRequest request = SequenceRequest.of("s", new int[] {1}, 1);
    return new Sequence(request, new CollectingSink(), inbox, 2, 0).handle();
  }

  private List<SequenceHandle> takeAll() {
    List<SequenceHandle> taken = new ArrayList<>();
    for (SequenceHandle handle = inbox.takeAll(); handle != null; handle = handle.next) {
      taken.add(handle);
    }
    return taken;
  }

  @Test
  void who_was_put_first_comes_first() {
    List<SequenceHandle> put = List.of(handle(), handle(), handle());
    put.forEach(SequenceHandle::submit);
    assertThat(takeAll()).isEqualTo(put);
    assertThat(takeAll()).isEmpty();
  }

  @Test
  void a_handle_lies_in_the_inbox_once_with_all_its_wishes() {
    SequenceHandle handle = handle();
    handle.submit();
    handle.resume();
    handle.cancel();
    handle.cancel();
    assertThat(takeAll()).containsExactly(handle);
    int wishes = handle.takeWishes();
    assertThat(wishes & SequenceHandle.SUBMIT).isNotZero();
    assertThat(wishes & SequenceHandle.CANCEL).isNotZero();
    assertThat(wishes & SequenceHandle.RESUME).isNotZero();
    assertThat(handle.takeWishes()).isZero();
    handle.resume();
    assertThat(takeAll()).containsExactly(handle);
  }

  @Test
  void a_dropped_resumption_leaves_the_other_wishes_and_the_place() {
    SequenceHandle handle = handle();
    handle.resume();
    handle.dropStaleResumption();
    handle.cancel();
    assertThat(takeAll()).containsExactly(handle);
    int wishes = handle.takeWishes();
    assertThat(wishes & SequenceHandle.CANCEL).isNotZero();
    assertThat(wishes & SequenceHandle.RESUME).isZero();
  }

  @Test
  void nobody_sleeps_on_a_full_inbox_or_a_closed_one() {
    handle().submit();
    inbox.await(Long.MAX_VALUE);
    assertThat(takeAll()).hasSize(1);
    inbox.close();
    inbox.await(Long.MAX_VALUE);
    assertThat(inbox.isClosed()).isTrue();
  }

  @Test
  void an_interruption_does_not_keep_the_engine_awake() {
    Thread.currentThread().interrupt();
    inbox.await(Long.MAX_VALUE);
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
  }

  @RepeatedTest(3)
  void the_sleeper_is_woken_for_each_of_many() throws InterruptedException {
    int count = 2_000;
    CountDownLatch taken = new CountDownLatch(count);
    Thread sleeper =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              while (!inbox.isClosed()) {
                takeAll().forEach(handle -> taken.countDown());
                inbox.await(Long.MAX_VALUE);
              }
            });
    for (int i = 0; i < count; i++) {
      handle().submit();
      if (i % 7 == 0) {
        LockSupport.parkNanos(1_000);
      }
    }
    taken.await();
    inbox.close();
    sleeper.join();
    assertThat(takeAll()).isEmpty();
  }
}
