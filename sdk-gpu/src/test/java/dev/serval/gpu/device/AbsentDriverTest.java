package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.device.DeviceProvider;
import dev.serval.testkit.DeviceProviderContract;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine without NVIDIA's driver. */
class AbsentDriverTest extends DeviceProviderContract {
  @TempDir private Path root;

  @Override
  protected DeviceProvider provider() {
    return new CudaDeviceProvider(
        root.resolve("libcuda.so.1"), root.resolve("libnvidia-ml.so.1"), root);
  }

  @Test
  void nothing_is_found_and_the_finding_says_what_was_looked_for_and_where() {
    DeviceProvider.Discovery discovery = provider().discover();

    assertThat(discovery.devices()).isEmpty();
    assertThat(discovery.finding())
        .isEqualTo("no NVIDIA driver: there is no library at " + root.resolve("libcuda.so.1"));
  }

  @Test
  void there_is_nothing_to_watch() {
    HealthWatch.Settings settings =
        new HealthWatch.Settings(
            XidPolicy.stock(), Duration.ofMinutes(1), InstantSource.system(), (_, _) -> {});

    assertThat(HealthWatch.open(root.resolve("libnvidia-ml.so.1"), settings)).isEmpty();
  }
}
