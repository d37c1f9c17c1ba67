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
  private static final StateShape STATES = new StateShape(2, 70);

  private static ModelSpec spec(int layers, long stateBytes) {
    return new ModelSpec(
        "any",
        9,
        512,
        24,
        0,
        Collections.nCopies(6, new KvShape(2, 256)),
        new StateShape(layers, stateBytes),
        1,
        1,
        0,
        Bytes.ZERO);
  }

  @Test
  void keys_lie_before_values_and_heads_side_by_side_in_layers_of_any_shape() {
    KvLayout layout = new KvLayout(List.of(new KvShape(2, 8), new KvShape(1, 6, 4)), 4, DType.BF16);
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
    KvLayout layout = new KvLayout(layers, 4, DType.BF16, STATES);
    assertThat(layout)
        .isEqualTo(new KvLayout(layers, 4, DType.BF16, STATES))
        .hasSameHashCodeAs(new KvLayout(layers, 4, DType.BF16, STATES))
        .hasToString(
            "KvLayout[layers=[KvShape[heads=2, keyDim=8, valueDim=8, window=None[]],"
                + " KvShape[heads=1, keyDim=6, valueDim=4, window=None[]]], blockTokens=4,"
                + " dtype=BF16, states=StateShape[layers=2, bytes=70]]");
    List<KvLayout> others =
        List.of(
            new KvLayout(layers.reversed(), 4, DType.BF16, STATES),
            new KvLayout(layers, 5, DType.BF16, STATES),
            new KvLayout(layers, 4, DType.F16, STATES),
            new KvLayout(
                List.of(layers.getFirst().within(WINDOW), layers.getLast()), 4, DType.BF16, STATES),
            new KvLayout(layers, 4, DType.BF16, new StateShape(2, 71)));
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
    return new KvLayout(layers, 4, DType.F32);
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
  void layers_with_a_state_are_in_groups_that_let_go_of_all_but_the_newest() {
    KvLayout layout = new KvLayout(6, 2, 256, 192, DType.BF16, new StateShape(18, 1_122_304));
    assertThat(groups(layout)).isEqualTo("000000");
    assertThat(IntStream.range(0, 18).map(layout::stateGroup))
        .containsExactly(1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9);
    assertThat(layout.stateOffset(2)).isZero();
    assertThat(layout.stateOffset(3)).isEqualTo(1_122_304);
    assertThat(layout.stateEntry(3, 191)).isEqualTo(2);
    assertThat(layout.stateEntry(3, 192)).isEqualTo(12);
    assertThat(layout.window(1).firstSeen(192)).isEqualTo(191);
    assertThat(layout.blockBytes()).isEqualTo(6 * 2 * 2 * 256 * 2 * 192);
  }

  @Test
  void states_are_apart_from_keys_and_values_of_the_same_window() {
    KvShape near = new KvShape(2, 8).within(new AttentionWindow.Sliding(2));
    KvLayout layout = new KvLayout(List.of(near), 4, DType.F32, STATES);
    assertThat(layout.stateGroup(0)).isEqualTo(1);
  }

  @Test
  void blocks_of_all_groups_are_of_one_size_and_a_token_takes_what_its_layers_do() {
    KvShape large = new KvShape(4, 8);
    KvShape small = new KvShape(2, 8).within(WINDOW);
    KvLayout layout = new KvLayout(List.of(small, small, small, large), 4, DType.F32);
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
    assertThat(layout.groups()).isEqualTo(15);
    assertThat(layout.blockBytes()).isEqualTo(7 * 2 * 8 * 2 * 4 * 4);
  }

  @Test
  void layers_of_nothing_or_none_at_all_are_refused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new KvShape(1, 0, 4));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvLayout(List.of(), 4, DType.F32))
        .withMessageContaining("at least one layer");
  }

  @Test
  void states_begin_and_end_at_whole_lines() {
    KvLayout layout = new KvLayout(3, 1, 2, 10, DType.BF16, STATES);
    assertThat(layout.stateOffset(1)).isEqualTo(128);
    assertThat(layout.blockBytes()).isEqualTo(256);
    KvLayout without = new KvLayout(3, 1, 2, 10, DType.BF16);
    assertThat(without.blockBytes()).isEqualTo(3 * 2 * 10 * 2 * 2);
    assertThat(without).isNotEqualTo(layout);
  }

  @Test
  void states_that_make_no_sense_or_blocks_too_large_are_refused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new StateShape(1, -1))
        .withMessageContaining("-1");
    StateShape tooLarge = new StateShape(1, Integer.MAX_VALUE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KvLayout(1, 1, 2, 16, DType.F32, tooLarge))
        .withMessageContaining("2 GiB");
  }

  @Test
  void steps_reach_less_far_where_they_would_take_over_an_eighth_of_a_cache() {
    KvLayout layout = new KvLayout(6, 2, 256, 192, DType.BF16, new StateShape(18, 1_122_304));
    assertThat(layout.demand(512).passing()).isEqualTo(4 * 9);
    assertThat(layout.reach(512, 144)).isEqualTo(512);
    assertThat(layout.reach(512, 143)).isEqualTo(320);
    assertThat(layout.demand(320).passing()).isEqualTo(3 * 9);
    assertThat(layout.reach(512, 20)).isEqualTo(192);
    assertThat(layout.reach(100, 20)).isEqualTo(100);
    assertThat(grouped("aw").reach(512, 20)).isEqualTo(64);
    assertThat(grouped("aa").reach(512, 1)).isEqualTo(512);
  }

  @Test
  void keys_and_values_of_a_block_take_as_much_as_states_of_one_to_three_layers() {
    long block = 16 * 12 * 1024;
    assertThat(spec(0, 0).usualBlockTokens(DType.BF16)).isEqualTo(16);
    assertThat(spec(15, block).usualBlockTokens(DType.BF16)).isEqualTo(16);
    assertThat(spec(15, block + 64).usualBlockTokens(DType.BF16)).isEqualTo(32);
    assertThat(spec(15, block + 64).usualBlockTokens(DType.F32)).isEqualTo(16);
    assertThat(spec(36, block).usualBlockTokens(DType.BF16)).isEqualTo(48);
    assertThat(spec(1, 1 << 30).usualBlockTokens(DType.BF16)).isEqualTo(1024);
  }
}
