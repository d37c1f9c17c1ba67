package dev.serval.gpu.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.gpu.MemoryKind;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.RegionSource;
import dev.serval.api.gpu.TransferService;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.memory.DeviceSource;
import dev.serval.gpu.memory.PinnedSource;
import dev.serval.gpu.standin.StandIn;
import dev.serval.testkit.TransferServiceContract;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The transfers over the driver's functions, on a machine whose copies are late and which tells of
 * every use of memory that was given back.
 */
final class StandInTransfersTest extends TransferServiceContract {
  private static final int INVALID_VALUE = 1;
  private static final int LATEST_MICROS = 60;
  private static final Bytes CHUNK = Bytes.mebi(16);
  private static final List<String> CALLS =
      List.of("cuMemcpyBatchAsync", "cuEventRecord", "cuEventQuery", "cuEventSynchronize");
  private static final TransferOptions SMALL =
      new TransferOptions(2, 2, Bytes.of(16_384), Bytes.of(20_000), Bytes.of(9_000), true);

  @RegisterExtension final StandIn machine = StandIn.with("memory=1g");

  private @Nullable Opened opened;

  /** What a test works with. */
  private record Opened(
      Context context,
      CopyDevice copies,
      RegionPool device,
      RegionPool pinned,
      TransferService transfers) {}

  private Opened opened() {
    Opened now = opened;
    if (now == null) {
      now = open();
      opened = now;
    }
    return now;
  }

  private Opened open() {
    CudaDriver driver = ((DriverSearch.Found) DriverSearch.at(machine.library())).driver();
    Context context = driver.devices().getFirst().context();
    machine.delayRandomly(1, 0, LATEST_MICROS);
    CopyDevice copies = new CudaCopyDevice("gpu:0", context, driver.copiesInBatches());
    RegionPool pinned =
        RegionPool.root("gpu:0", Bytes.mebi(512), watched(new PinnedSource(context, CHUNK)));
    return new Opened(
        context,
        copies,
        RegionPool.root("gpu:0", Bytes.mebi(512), new DeviceSource(context)),
        pinned,
        new DeviceTransfers(copies, pinned, SMALL));
  }

  /** Tells the machine what of pinned memory is lent. */
  private RegionSource watched(RegionSource source) {
    return new RegionSource() {
      @Override
      public MemoryKind kind() {
        return source.kind();
      }

      @Override
      public long allocate(long bytes) {
        long address = source.allocate(bytes);
        machine.lent(address, bytes);
        return address;
      }

      @Override
      public void release(long address, long bytes) {
        machine.returned(address, bytes);
        source.release(address, bytes);
      }

      @Override
      public void close() {
        source.close();
      }
    };
  }

  @AfterEach
  void close() {
    opened().transfers().close();
    assertThat(opened().pinned().used()).isEqualTo(Bytes.ZERO);
    opened().device().close();
    opened().pinned().close();
    opened().context().close();
  }

  @Override
  protected RegionPool deviceMemory() {
    return opened().device().child("test");
  }

  @Override
  protected RegionPool pinnedMemory() {
    return opened().pinned().child("test");
  }

  @Override
  protected TransferService transfers() {
    return opened().transfers();
  }

  @Override
  protected TransferService another() {
    return new DeviceTransfers(opened().copies(), opened().pinned(), SMALL);
  }

  @Override
  protected void requireNoViolations() {
    assertThat(machine.takeViolations()).as("broken rules of the driver").isEmpty();
  }

  @Override
  protected void disturb(Random random) {
    if (random.nextInt(10) == 0) {
      machine.failNext(CALLS.get(random.nextInt(CALLS.size())), INVALID_VALUE);
    }
  }
}
