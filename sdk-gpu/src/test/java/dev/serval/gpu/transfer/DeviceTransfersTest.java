package dev.serval.gpu.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferBatch;
import dev.serval.api.gpu.TransferBatch.State;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferPriority;
import dev.serval.api.gpu.TransferService;
import dev.serval.testkit.TransferServiceContract;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The transfers of a device that is slow, refuses copies and may be lost: no GPU is needed. */
final class DeviceTransfersTest extends TransferServiceContract {
  private static final int LONGEST_NANOS = 50_000;
  private static final TransferOptions SMALL =
      new TransferOptions(2, 2, Bytes.of(16_384), Bytes.of(20_000), Bytes.of(9_000), true);

  private final WatchedMemory memory = new WatchedMemory();
  private final DelayedDevice slow = new DelayedDevice(memory, LONGEST_NANOS);
  private final RegionPool device =
      RegionPool.root("slow:0", Bytes.mebi(256), memory.source(MemoryKind.DEVICE));
  private final RegionPool pinned =
      RegionPool.root("slow:0", Bytes.mebi(256), memory.source(MemoryKind.PINNED));
  private final TransferService transfers = another();

  @AfterEach
  void close() {
    transfers.close();
    assertThat(slow.openStreams()).as("streams that were not closed").isZero();
    assertThat(pinned.used()).isEqualTo(Bytes.ZERO);
    device.close();
    pinned.close();
    memory.close();
  }

  @Override
  protected RegionPool deviceMemory() {
    return device.child("test");
  }

  @Override
  protected RegionPool pinnedMemory() {
    return pinned.child("test");
  }

  @Override
  protected TransferService transfers() {
    return transfers;
  }

  @Override
  protected TransferService another() {
    return new DeviceTransfers(slow, pinned, SMALL);
  }

  @Override
  protected void requireNoViolations() {
    assertThat(slow.violations()).as("uses of memory that is not lent").isZero();
  }

  @Override
  protected void disturb(Random random) {
    if (random.nextInt(10) == 0) {
      slow.refuse(1);
    }
  }

  @Test
  void a_copy_that_is_refused_fails_its_batch_after_what_had_begun() {
    Region source = pinned.allocate(64 * 100);
    Region target = device.allocate(64 * 100);
    for (int i = 0; i < 20; i++) {
      TransferBatch batch = new TransferBatch(TransferPriority.URGENT);
      for (int k = 0; k < 60; k++) {
        batch.copy(source, k * 100L, target, k * 100L, 100);
      }
      slow.refuse(1);
      transfers.submit(batch);
      assertThatThrownBy(batch::await)
          .isInstanceOf(TransferException.class)
          .hasMessage("6000 bytes could not be copied to the device: the device refuses the copy");
    }
    source.close();
    target.close();
    assertThat(device.used()).isEqualTo(Bytes.ZERO);
  }

  @Test
  void a_device_that_is_lost_fails_all_that_is_pending_with_its_sentence_and_nothing_leaks() {
    Region source = pinned.allocate(100_000);
    Region target = device.allocate(100_000);
    List<TransferBatch> batches =
        Stream.generate(() -> new TransferBatch(TransferPriority.BACKGROUND)).limit(30).toList();
    slow.hold();
    batches.forEach(batch -> transfers.submit(batch.copy(source, 0, target, 0, 100_000)));
    slow.lose();
    source.close();
    target.close();
    batches.forEach(batch -> assertThat(batch).satisfies(DeviceTransfersTest::requireEnd));
    assertThat(batches.getLast().failure())
        .hasValueSatisfying(e -> assertThat(e).hasMessageContaining("fell off the bus"));
    assertThat(device.used()).isEqualTo(Bytes.ZERO);
    try (Region later = device.allocate(10)) {
      TransferBatch batch = new TransferBatch(TransferPriority.URGENT).copy(later, 0, later, 0, 10);
      transfers.submit(batch);
      assertThatThrownBy(batch::await).hasMessageContaining("fell off the bus");
    }
  }

  private static void requireEnd(TransferBatch batch) {
    try {
      batch.await();
    } catch (TransferException e) {
      assertThat(batch.state()).isEqualTo(State.FAILED);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void slabs_stay_when_the_memory_they_are_of_is_closed_first() {
    RegionPool owner = pinned.child("owner");
    TransferService service = new DeviceTransfers(slow, owner, SMALL);
    owner.close();
    assertThat(owner.used()).isEqualTo(SMALL.pinned());
    service.close();
    assertThat(owner.used()).isEqualTo(Bytes.ZERO);
  }

  @Test
  void blocks_of_a_batch_are_given_to_the_device_together() {
    try (Region source = pinned.allocate(6_400);
        Region target = device.allocate(6_400)) {
      TransferBatch batch = new TransferBatch(TransferPriority.URGENT);
      for (int k = 0; k < 64; k++) {
        batch.copy(source, k * 100L, target, k * 100L, 100);
      }
      long before = slow.given();
      transfers.submit(batch);
      requireEnd(batch);
      assertThat(slow.given() - before).isEqualTo(1);
    }
  }
}
