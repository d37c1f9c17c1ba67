package dev.serval.api.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

final class NativeMemoryTest {
  private final NativeMemory runtime = NativeMemory.root("runtime", Bytes.of(1000));

  @Test
  void what_an_owner_holds_is_counted_in_every_owner_above() {
    NativeMemory model = runtime.child("demo");
    NativeMemory engine = model.child("engine");
    engine.allocate(100, 64);
    model.account(Bytes.of(50));
    assertThat(engine.used()).isEqualTo(Bytes.of(100));
    assertThat(model.used()).isEqualTo(Bytes.of(150));
    assertThat(runtime.used()).isEqualTo(Bytes.of(150));
    runtime.close();
  }

  @Test
  void memory_is_aligned_zeroed_and_dead_after_close() {
    MemorySegment segment = runtime.child("a").allocate(100, 64);
    assertThat(segment.address() % 64).isZero();
    assertThat(segment.get(ValueLayout.JAVA_LONG, 0)).isZero();
    runtime.close();
    assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void pieces_follow_each_other_whatever_larger_ones_are_taken_between() {
    try (NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1))) {
      MemorySegment first = memory.allocate(70_000, 64);
      MemorySegment large = memory.allocate(64 << 20, 64);
      MemorySegment second = memory.allocate(70_000, 64);
      assertThat(second.address() - first.address()).isEqualTo(70_016);
      assertThat(large.get(ValueLayout.JAVA_BYTE, large.byteSize() - 1)).isZero();
    }
  }

  @Test
  void the_budget_bounds_the_whole_tree_and_the_refusal_names_owner_and_amounts() {
    runtime.child("a").allocate(900, 8);
    NativeMemory other = runtime.child("b").child("kv");
    assertThatThrownBy(() -> other.allocate(101, 8))
        .isInstanceOf(OutOfNativeMemoryException.class)
        .hasMessageContaining("runtime/b/kv")
        .hasMessageContaining("101 B")
        .hasMessageContaining("900 B of the budget of 1000 B");
    assertThat(runtime.used()).isEqualTo(Bytes.of(900));
    assertThatThrownBy(() -> other.account(Bytes.of(Long.MAX_VALUE)))
        .isInstanceOf(OutOfNativeMemoryException.class);
    runtime.close();
  }

  @Test
  void closing_an_owner_closes_those_below_and_gives_the_budget_back() {
    NativeMemory model = runtime.child("demo");
    MemorySegment segment = model.child("engine").allocate(600, 8);
    model.close();
    model.close();
    assertThat(segment.scope().isAlive()).isFalse();
    assertThat(runtime.used()).isEqualTo(Bytes.ZERO);
    assertThat(runtime.children()).isEmpty();
    assertThatThrownBy(() -> model.allocate(1, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("runtime/demo");
    runtime.child("next").allocate(1000, 8);
    runtime.close();
  }

  @Test
  void what_the_machine_does_not_have_is_refused_and_not_counted() {
    NativeMemory endless = NativeMemory.root("endless", Bytes.of(Long.MAX_VALUE));
    assertThatThrownBy(() -> endless.allocate(1L << 60, 8))
        .isInstanceOf(OutOfNativeMemoryException.class)
        .hasMessageContaining("the machine has no more");
    assertThat(endless.used()).isEqualTo(Bytes.ZERO);
    endless.close();
  }
}
