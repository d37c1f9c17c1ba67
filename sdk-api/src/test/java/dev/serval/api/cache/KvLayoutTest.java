package dev.serval.api.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.Bytes;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.model.ModelSpec;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class KvLayoutTest {
  private static final AttentionWindow WINDOW = new AttentionWindow.Sliding(20);

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
            "KvLayout[layers=[KvShape[heads=2, keyDim=8, valueDim=8, window=None[]],"
                + " KvShape[heads=1, keyDim=6, valueDim=4, window=None[]]], blockTokens=4,"
                + " dtype=BF16, stateBytes=70]");
    List<KvLayout> others =
        List.of(
            new KvLayout(layers.reversed(), 4, DType.BF16, 70),
            new KvLayout(layers, 5, DType.BF16, 70),
            new KvLayout(layers, 4, DType.F16, 70),
            new KvLayout(
                List.of(layers.getFirst().within(WINDOW), layers.getLast()), 4, DType.BF16, 70),
            new KvLayout(layers, 4, DType.BF16, 71));
    assertThat(others)
        .doesNotContain(layout)
        .extracting(KvLayout::toString)
        .doesNotContain(layout.toString());
  }

  /** Layers of a kind each, as a letter says: all see everything, or a window, or a chunk. */
  private static KvLayout grouped(String kinds) {
    KvShape shape = new KvShape(2, 8);
    List<KvShape> layers =
        kinds
            .chars()
            .mapToObj(kind ->
                switch (kind) {
                  case 'w' -> shape.within(WINDOW);
                  case 'c' -> shape.within(new AttentionWindow.Chunk(32));
                  default -> shape;
                })
            .toList();
    return new KvLayout(layers, 4, DType.F32, 0);
  }

  private static String groups(KvLayout layout) {
    return IntStream.range(0, layout.layers().size())
        .mapToObj(layer -> Integer.toString(layout.group(layer), 16))
        .collect(Collectors.joining());
  }

  @Test
  void layers_of_one_kind_are_in_groups_as_large_as_the_kind_that_has_least() {
    assertThat(groups(grouped("aaaa"))).isEqualTo("0000");
    assertThat(groups(grouped("wwww"))).isEqualTo("0000");
    assertThat(groups(grouped("wwa"))).isEqualTo("012");
    assertThat(groups(grouped("wwwwwawwwwwaww"))).isEqualTo("00112623344655");
    assertThat(groups(grouped("cwac"))).isEqualTo("0231");
  }

  @Test
  void layers_without_a_window_and_with_states_are_in_one_group() {
    List<KvShape> layers = List.of(new KvShape(2, 8), new KvShape(2, 8).within(WINDOW));
    KvLayout layout = new KvLayout(layers, 4, DType.F32, 16);
    assertThat(layout.groups()).isEqualTo(1);
    assertThat(layout.isWindowed(0)).isFalse();
  }

  @Test
  void blocks_of_all_groups_are_of_one_size_and_a_token_takes_what_its_layers_do() {
    KvShape large = new KvShape(4, 8);
    KvShape small = new KvShape(2, 8).within(WINDOW);
    KvLayout layout = new KvLayout(List.of(small, small, small, large), 4, DType.F32, 0);
    assertThat(groups(layout)).isEqualTo("0012");
    assertThat(layout.blockBytes()).isEqualTo(4 * 4 * 8 * 2 * 4);
    assertThat(layout.layerOffset(1)).isEqualTo(layout.blockBytes() / 2);
    assertThat(layout.layerOffset(2)).isZero();
    assertThat(layout.tokenBytes()).isEqualTo((3 * 2 + 4) * 8 * 2 * 4);
    assertThat(layout.blocksFor(5)).isEqualTo(6);
    assertThat(layout.window(0)).isEqualTo(WINDOW);
    assertThat(layout.isWindowed(2)).isFalse();
  }

  @Test
  void there_are_not_many_groups_however_few_layers_of_a_kind_there_are() {
    KvLayout layout = grouped("a" + "w".repeat(95));
    assertThat(layout.groups()).isEqualTo(17);
    assertThat(layout.blockBytes()).isEqualTo(6 * 2 * 8 * 2 * 4 * 4);
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
