package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceCondition;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.device.DeviceProvider.Discovery;
import java.time.Duration;
import java.time.InstantSource;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What every {@link DeviceProvider} keeps to, on whatever machine. */
public abstract class DeviceProviderContract {
  /** For subclasses. */
  protected DeviceProviderContract() {}

  /**
   * The provider under test.
   *
   * @return a provider, the same or a new one at each call
   */
  protected abstract DeviceProvider provider();

  @Test
  void it_has_a_short_name() {
    assertThat(provider().name()).matches("[a-z][a-z0-9-]*");
  }

  @Test
  void it_says_in_a_sentence_what_it_looked_at() {
    assertThat(provider().discover().finding()).isNotBlank().doesNotContain("\n");
  }

  @Test
  void devices_have_ids_of_their_own_and_are_described() {
    Discovery found = provider().discover();
    assertThat(found.devices()).extracting(Device::id).doesNotHaveDuplicates();
    assertThat(found.devices())
        .allSatisfy(device -> {
          assertThat(device.id()).matches("[a-z0-9-]+:[a-z0-9.-]+");
          assertThat(device.name()).isNotBlank();
          assertThat(device.memory()).isGreaterThan(Bytes.ZERO);
          assertThat(device.attributes().values()).noneMatch(String::isBlank);
        });
  }

  @Test
  void a_watch_tells_how_each_device_fares_and_can_be_closed_twice() {
    DeviceProvider provider = provider();
    Discovery found = provider.discover();
    provider
        .watch(InstantSource.system())
        .ifPresent(watch -> {
          watch.work(Duration.ofMillis(1));
          assertThat(found.devices())
              .allSatisfy(device -> assertThat(watch.condition(device)).isNotNull());
          assertThat(watch.condition(strange())).isEqualTo(DeviceCondition.GOOD);
          watch.close();
          watch.close();
        });
  }

  private static Device strange() {
    return new Device("gpu:strange", DeviceKind.GPU, "strange", Bytes.of(1), new TreeMap<>());
  }

  @Test
  void looking_again_finds_the_same() {
    assertThat(provider().discover()).isEqualTo(provider().discover());
  }
}
