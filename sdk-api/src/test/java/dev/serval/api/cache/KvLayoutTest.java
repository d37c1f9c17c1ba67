package dev.serval.api.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.Bytes;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

final class KvLayoutTest {
  private static ModelSpec spec(long stateBytes) {
    return new ModelSpec(
        "any",
        9,
        512,
        24,
        0,
        Collections.nCopies(6, new KvShape(2, 256)),
        stateBytes,
        1,
        1,
        0,
        Bytes.ZERO);
  }

  @Test
  void keys_lie_before_values_and_heads_side_by_side_in_layers_of_any_shape() {
    KvLayout layout =
        new KvLayout(List.of(new KvShape(2, 8), new KvShape(1, 6, 4)), 4, DType.BF16, 0);
    assertThat(layout.keyBytes(0)).isEqualTo(4 * 8 * 2);
    assertThat(layout.valuesOffset(0)).isEqualTo(2 * 4 * 8 * 2);
    assertThat(layout.layerOffset(1)).isEqualTo(2 * 2 * 4 * 8 * 2);
    assertThat(layout.keyBytes(1)).isEqualTo(4 * 6 * 2);
    assertThat(layout.valuesOffset(1)).isEqualTo(4 * 6 * 2);
    assertThat(layout.valueBytes(1)).isEqualTo(4 * 4 * 2);
    assertThat(layout.blockBytes()).isEqualTo(layout.layerOffset(1) + 4 * 10 * 2);
    assertThat(layout.blocksFor(0)).isZero();
    assertThat(layout.blocksFor(5)).isEqualTo(2);
  }

  @Test
  void layouts_are_equal_if_all_of_them_is_and_say_so() {
    List<KvShape> layers = List.of(new KvShape(2, 8), new KvShape(1, 6, 4));
    KvLayout layout = new KvLayout(layers, 4, DType.BF16, 70);
    assertThat(layout)
        .isEqualTo(new KvLayout(layers, 4, DType.BF16, 70))
        .hasSameHashCodeAs(new KvLayout(layers, 4, DType.BF16, 70))
        .hasToString(
            "KvLayout[layers=[KvShape[heads=2, keyDim=8, valueDim=8],"
                + " KvShape[heads=1, keyDim=6, valueDim=4]], blockTokens=4, dtype=BF16,"
                + " stateBytes=70]");
    List<KvLayout> others =
        List.of(
            new KvLayout(layers.reversed(), 4, DType.BF16, 70),
            new KvLayout(layers, 5, DType.BF16, 70),
            new KvLayout(layers, 4, DType.F16, 70),
            new KvLayout(layers, 4, DType.BF16, 71));
    assertThat(others)
        .doesNotContain(layout)
        .extracting(KvLayout::toString)
        .doesNotContain(layout.toString());
  }

  @Test
  void layers_of_nothing_or_none_at_all_are_refused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new KvShape(1, 0, 4));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvLayout(List.of(), 4, DType.F32, 0))
        .withMessageContaining("at least one layer");
  }

  @Test
  void states_lie_behind_keys_and_values_and_begin_and_end_at_whole_lines() {
    KvLayout layout = new KvLayout(3, 1, 2, 5, DType.BF16, 70);
    assertThat(layout.stateOffset()).isEqualTo(128);
    assertThat(layout.blockBytes()).isEqualTo(256);
    KvLayout without = new KvLayout(3, 1, 2, 5, DType.BF16);
    assertThat(without.blockBytes()).isEqualTo(3 * 2 * 5 * 2 * 2);
    assertThat(without).isNotEqualTo(layout);
  }

  @Test
  void states_that_make_no_sense_or_blocks_too_large_are_refused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvLayout(1, 1, 2, 16, DType.F32, -1))
        .withMessageContaining("-1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvLayout(1, 1, 2, 16, DType.F32, Integer.MAX_VALUE))
        .withMessageContaining("2 GiB");
  }

  @Test
  void blocks_take_as_many_tokens_as_make_up_for_their_states() {
    assertThat(spec(0).usualBlockTokens(DType.BF16)).isEqualTo(16);
    assertThat(spec(12 * 1024 * 16).usualBlockTokens(DType.BF16)).isEqualTo(16);
    assertThat(spec(12 * 1024 * 16 + 64).usualBlockTokens(DType.BF16)).isEqualTo(32);
    assertThat(spec(12 * 1024 * 16 + 64).usualBlockTokens(DType.F32)).isEqualTo(16);
    assertThat(spec(1 << 30).usualBlockTokens(DType.BF16)).isEqualTo(1024);
  }
}
