package dev.serval.api.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.device.OutOfNativeMemoryException;
import org.junit.jupiter.api.Test;

final class RegionPoolTest {
  private final CountedSource source = new CountedSource(MemoryKind.DEVICE, 600);
  private final RegionPool root = RegionPool.root("gpu:0", Bytes.of(1000), source);

  @Test
  void what_an_owner_takes_is_counted_in_every_owner_above() {
    RegionPool model = root.child("demo");
    RegionPool engine = model.child("kv");
    engine.allocate(100);
    model.allocate(200);
    assertThat(engine.used()).isEqualTo(Bytes.of(100));
    assertThat(model.used()).isEqualTo(Bytes.of(300));
    assertThat(root.used()).isEqualTo(Bytes.of(300));
    assertThat(engine.path()).isEqualTo("gpu:0/demo/kv");
    assertThat(root.children()).containsExactly(model);
    assertThat(engine.parent()).contains(model);
  }

  @Test
  void a_budget_that_is_used_up_names_owner_kind_and_sizes() {
    root.child("demo").allocate(600);
    RegionPool other = root.child("other");
    assertThatThrownBy(() -> other.allocate(401))
        .isInstanceOf(OutOfNativeMemoryException.class)
        .hasMessage(
            "gpu:0/other asked for 401 B of device memory; 600 B of the budget of 1000 B are in use");
    assertThat(other.used()).isEqualTo(Bytes.ZERO);
  }

  @Test
  void a_device_that_has_no_more_is_told_from_a_budget_that_is_used_up() {
    root.allocate(500);
    assertThatThrownBy(() -> root.allocate(200))
        .isInstanceOf(OutOfNativeMemoryException.class)
        .hasMessageEndingWith("500 B of the budget of 1000 B are in use, and there is no more");
    assertThat(root.used()).isEqualTo(Bytes.of(500));
  }

  @Test
  void closing_an_owner_closes_those_below_and_gives_all_back() {
    RegionPool model = root.child("demo");
    Region weights = model.allocate(100);
    Region kv = model.child("kv").allocate(100);
    Region own = root.allocate(100);
    model.close();
    assertThat(weights.state()).isEqualTo(Region.State.RELEASED);
    assertThat(kv.state()).isEqualTo(Region.State.RELEASED);
    assertThat(own.state()).isEqualTo(Region.State.OPEN);
    assertThat(root.used()).isEqualTo(Bytes.of(100));
    assertThat(root.children()).isEmpty();
    assertThatThrownBy(() -> model.allocate(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the device memory of gpu:0/demo is closed");
    assertThatThrownBy(() -> model.child("x")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void the_source_is_closed_once_after_the_last_release() {
    Region used = root.child("demo").allocate(100);
    used.hold();
    root.close();
    root.close();
    assertThat(source.closes()).isZero();
    assertThat(root.used()).isEqualTo(Bytes.of(100));
    used.drop();
    assertThat(source.regions()).isZero();
    assertThat(source.closes()).isEqualTo(1);
    assertThat(root.used()).isEqualTo(Bytes.ZERO);
    root.close();
    assertThat(source.closes()).isEqualTo(1);
  }

  @Test
  void no_region_is_empty() {
    assertThatThrownBy(() -> root.allocate(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not 0");
  }
}
