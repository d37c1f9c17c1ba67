package dev.serval.gpu.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.DriverSearch;
import dev.serval.gpu.standin.StandIn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

final class DeviceSourceTest {
  private static final int INVALID_HANDLE = 400;
  private static final long BYTES = 200L << 20;

  @RegisterExtension final StandIn machine = StandIn.with("memory=300m");

  private Context open() {
    return ((DriverSearch.Found) DriverSearch.at(machine.library()))
        .driver()
        .devices()
        .getFirst()
        .context();
  }

  @Test
  void what_was_taken_is_given_back_when_the_wait_for_it_fails() {
    try (Context context = open();
        DeviceSource memory = new DeviceSource(context)) {
      machine.failNext("cuStreamSynchronize", INVALID_HANDLE);
      assertThatThrownBy(() -> memory.allocate(BYTES)).isInstanceOf(DriverException.class);
      long again = memory.allocate(BYTES);
      assertThat(again).isNotZero();
      memory.release(again, BYTES);
    }
  }
}
