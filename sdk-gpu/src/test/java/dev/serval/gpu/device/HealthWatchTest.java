package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceCondition;
import dev.serval.api.device.DeviceKind;
import dev.serval.gpu.standin.StandIn;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A GPU and one that is cut in two, watched. */
class HealthWatchTest {
  private static final Duration QUIET = Duration.ofMinutes(1);
  private static final Duration PATIENCE = Duration.ofMillis(1);
  private static final int PAGE_FAULT = 31;
  private static final int DOUBLE_BIT = 48;
  private static final int CONTEXT_SWITCH = 109;
  private static final int RESET = 1;
  private static final int GPU_IS_LOST = 15;

  @RegisterExtension final StandIn machine = StandIn.with("devices=2", "mig.1=2");

  private final List<String> told = new ArrayList<>();
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private HealthWatch watch;
  private String gpu;
  private String other;
  private String firstHalf;
  private String secondHalf;

  @BeforeEach
  void open() {
    HealthListener listener =
        new HealthListener() {
          @Override
          public void changed(String uuid, DeviceHealth health) {
            told.add(health.getClass().getSimpleName());
          }

          @Override
          public void xid(String uuid, int xid, XidResponse response) {
            told.add(xid + " " + response);
          }
        };
    watch =
        HealthWatch.open(
                machine.managementLibrary(),
                new HealthWatch.Settings(XidPolicy.stock(), QUIET, () -> now, listener))
            .orElseThrow();
    List<String> uuids = watch.health().keySet().stream().sorted().toList();
    gpu = uuids.get(0);
    other = uuids.get(1);
    firstHalf = uuids.get(2);
    secondHalf = uuids.get(3);
  }

  @AfterEach
  void close() {
    watch.close();
    watch.close();
  }

  @Test
  void devices_and_instances_are_watched_under_the_uuids_of_their_attributes() {
    assertThat(List.of(gpu, other)).allMatch(uuid -> uuid.startsWith("GPU-"));
    assertThat(List.of(firstHalf, secondHalf)).allMatch(uuid -> uuid.startsWith("MIG-"));
    assertThat(watch.health().values()).allMatch(DeviceHealth::usable);
    assertThat(watch.health("GPU-of-another-machine")).isEmpty();
  }

  @Test
  void nothing_happens_when_nothing_happened() {
    assertThat(watch.work(PATIENCE)).isZero();
    assertThat(told).isEmpty();
  }

  @Test
  void a_programs_error_is_told_and_changes_nothing() {
    machine.xid(0, PAGE_FAULT);

    assertThat(watch.work(PATIENCE)).isOne();
    assertThat(told).containsExactly("31 APPLICATION_ERROR");
    assertThat(watch.health(gpu)).contains(new DeviceHealth.Healthy());
  }

  @Test
  void a_suspect_device_is_healthy_again_after_a_quiet_time() {
    machine.xid(0, CONTEXT_SWITCH);
    watch.work(PATIENCE);
    assertThat(watch.health(gpu))
        .contains(new DeviceHealth.Suspect(CONTEXT_SWITCH, now.plus(QUIET)));

    pass(QUIET.minusSeconds(1));
    assertThat(watch.health(gpu).orElseThrow().usable()).isFalse();
    pass(Duration.ofSeconds(1));

    assertThat(watch.health(gpu).orElseThrow().usable()).isTrue();
    assertThat(told).containsExactly("109 RECOVERABLE", "Suspect", "Healthy");
  }

  @Test
  void another_error_begins_the_quiet_time_anew() {
    machine.xid(0, CONTEXT_SWITCH);
    watch.work(PATIENCE);
    now = now.plus(QUIET.minusSeconds(1));
    machine.xid(0, CONTEXT_SWITCH);
    watch.work(PATIENCE);
    pass(QUIET.minusSeconds(1));

    assertThat(watch.health(gpu).orElseThrow().usable()).isFalse();
  }

  @Test
  void an_unhealthy_device_stays_so_until_the_driver_says_that_nothing_is_left_to_do() {
    machine.recovery(0, RESET);
    machine.xid(0, DOUBLE_BIT);
    watch.work(PATIENCE);
    assertThat(watch.health(gpu)).contains(new DeviceHealth.Unhealthy(DOUBLE_BIT, now));

    pass(Duration.ofDays(1));
    assertThat(watch.health(gpu).orElseThrow().usable()).isFalse();
    machine.recovery(0, 0);
    pass(Duration.ZERO);

    assertThat(watch.health(gpu).orElseThrow().usable()).isTrue();
  }

  @Test
  void a_driver_that_does_not_say_is_answered_for_by_whoever_reset_the_device() {
    machine.fail("nvmlDeviceGetFieldValues", 0, -1, 3);
    machine.xid(0, DOUBLE_BIT);
    watch.work(PATIENCE);
    pass(Duration.ofDays(1));
    assertThat(watch.health(gpu).orElseThrow().usable()).isFalse();

    watch.reset(gpu);

    assertThat(watch.health(gpu).orElseThrow().usable()).isTrue();
  }

  @Test
  void a_lesser_error_does_not_make_an_unhealthy_device_suspect() {
    machine.recovery(0, RESET);
    machine.xid(0, DOUBLE_BIT);
    machine.xid(0, CONTEXT_SWITCH);
    watch.work(PATIENCE);
    watch.work(PATIENCE);
    pass(QUIET);

    assertThat(watch.health(gpu).orElseThrow()).isInstanceOf(DeviceHealth.Unhealthy.class);
  }

  @Test
  void an_error_of_an_instance_concerns_that_instance_alone() {
    machine.xid(1, CONTEXT_SWITCH, 1);
    watch.work(PATIENCE);

    assertThat(watch.health(firstHalf).orElseThrow().usable()).isFalse();
    assertThat(List.of(gpu, other, secondHalf))
        .allMatch(uuid -> watch.health(uuid).orElseThrow().usable());
  }

  @Test
  void an_error_of_a_device_concerns_all_its_instances() {
    machine.xid(1, DOUBLE_BIT);
    watch.work(PATIENCE);

    assertThat(List.of(other, firstHalf, secondHalf))
        .noneMatch(uuid -> watch.health(uuid).orElseThrow().usable());
    assertThat(watch.health(gpu).orElseThrow().usable()).isTrue();
  }

  @Test
  void a_device_that_fell_off_the_bus_is_lost() {
    machine.lose(0, StandIn.UNKNOWN);
    machine.failNext("nvmlEventSetWait", GPU_IS_LOST);

    watch.work(PATIENCE);

    assertThat(watch.health(gpu)).contains(new DeviceHealth.Lost());
    assertThat(watch.health(other).orElseThrow().usable()).isTrue();
    assertThat(told).containsExactly("Lost");
  }

  @Test
  void a_machine_whose_nvml_reports_no_events_is_not_watched() {
    machine.failNext("nvmlEventSetCreate", 3);

    assertThat(
            HealthWatch.open(
                machine.managementLibrary(),
                new HealthWatch.Settings(XidPolicy.stock(), QUIET, () -> now, (_, _) -> {})))
        .isEmpty();
  }

  @Test
  void a_condition_says_in_a_clause_what_the_health_is() {
    machine.recovery(0, RESET);
    machine.xid(1, CONTEXT_SWITCH);
    watch.work(PATIENCE);
    assertThat(condition(gpu)).isEqualTo(DeviceCondition.GOOD);
    assertThat(condition(other))
        .isEqualTo(
            new DeviceCondition.Doubtful(
                "the driver reported Xid 109; watched until " + now.plus(QUIET)));

    machine.xid(0, DOUBLE_BIT);
    watch.work(PATIENCE);
    assertThat(condition(gpu))
        .isEqualTo(
            new DeviceCondition.Unusable(
                "the driver reported Xid 48 at " + now + ", after which it has to be reset"));
  }

  private DeviceCondition condition(String uuid) {
    return watch.condition(
        new Device(
            "gpu:0", DeviceKind.GPU, "Tested", Bytes.of(1), new TreeMap<>(Map.of("uuid", uuid))));
  }

  private void pass(Duration time) {
    now = now.plus(time);
    watch.work(PATIENCE);
  }
}
