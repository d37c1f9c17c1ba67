package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.DType;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.Checkpoint;
import dev.serval.gpu.driver.DriverException;
import dev.serval.testkit.models.StatefulModels;
import dev.serval.testkit.models.SteppedModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Blocks that were moved to the host and back are as if they had stayed. */
final class CudaKvSwapTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=256m", "capability=8.0");

  private static final int BLOCKS = 160;
  private static final SteppedModel.Setup SETUP =
      new SteppedModel.Setup(DType.BF16, 4, BLOCKS, new StepLimits(64, 4));

  private final Random random = new Random(5);

  private static GpuModel model() {
    return model(new RandomLlama());
  }

  private static GpuModel model(Checkpoint checkpoint) {
    return new GpuModel(checkpoint, GPU.provider(), GPU.device(), SETUP);
  }

  /** Of one some layers have states in their blocks, too. */
  private static List<Checkpoint> models() {
    return List.of(
        new RandomLlama(),
        StatefulModels.apart("Qwen3_5ForCausalLM", 9, DType.F32, RandomLlama.VOCABULARY));
  }

  private int[] prompt(int length) {
    return random.ints(length, 0, RandomLlama.VOCABULARY).toArray();
  }

  private static void late() {
    if (!TestedGpu.isReal()) {
      GPU.standIn().delayRandomly(6, 0, 200);
    }
  }

  /** The logits after each of some tokens that follow the prompt. */
  private static List<float[]> decoded(GpuModel model, SteppedModel.Sequence sequence, int from) {
    List<float[]> logits = new ArrayList<>();
    for (int i = from; i < from + 3; i++) {
      sequence.append(i);
      logits.add(model.step(List.of(sequence), List.of(1)).getFirst());
    }
    return logits;
  }

  /** What happens to a sequence's blocks once its prompt was computed. */
  private interface Moves {
    void make(GpuModel model, SteppedModel.Sequence sequence, KvSwap swap);
  }

  /** A sequence goes on with the bits it would have had, had its blocks not been moved. */
  private void whileItsBlocksMove(int tokens, int slots, Moves between) {
    models().forEach(checkpoint -> whileItsBlocksMove(checkpoint, tokens, slots, between));
  }

  private void whileItsBlocksMove(Checkpoint checkpoint, int tokens, int slots, Moves between) {
    int[] prompt = prompt(tokens);
    List<float[]> expected;
    try (GpuModel model = model(checkpoint)) {
      SteppedModel.Sequence stays = model.sequence(prompt);
      model.advance(stays);
      expected = decoded(model, stays, 1);
    }
    try (GpuModel model = model(checkpoint)) {
      KvSwap swap = model.swap(slots);
      SteppedModel.Sequence moves = model.sequence(prompt);
      model.advance(moves);
      between.make(model, moves, swap);
      List<float[]> found = decoded(model, moves, 1);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(found.get(i)).containsExactly(expected.get(i));
      }
    }
  }

  @Test
  void a_sequence_goes_on_from_other_blocks_with_the_bits_it_would_have_had() {
    whileItsBlocksMove(
        41,
        25,
        (model, moves, swap) -> {
          for (int round = 0; round < 3; round++) {
            late();
            model.save(moves, swap, 3 + round);
            SteppedModel.Sequence other = model.sequence(prompt(BLOCKS - 4));
            model.advance(other);
            model.end(other);
            model.load(moves, swap, 3 + round);
          }
        });
  }

  @Test
  void moves_of_one_step_take_effect_in_the_order_in_which_they_were_asked_for() {
    whileItsBlocksMove(
        50,
        1,
        (model, moves, swap) -> {
          late();
          for (int round = 0; round < 4; round++) {
            model.moveThrough(moves, swap, 0);
          }
        });
  }

  @Test
  void blocks_that_move_beside_steps_of_others_hold_the_bits_they_would_have_had() {
    whileItsBlocksMove(
        41,
        25,
        (model, moves, swap) -> {
          SteppedModel.Sequence other = model.sequence(prompt(9));
          model.advance(other);
          late();
          for (int round = 0; round < 4; round++) {
            model.moveAhead(moves, swap, 3 * round);
            decoded(model, other, round);
            swap.settle();
          }
          assertThat(swap.nanos()).isPositive();
        });
  }

  @Test
  void moves_ahead_that_the_driver_refused_are_made_by_the_step_that_needs_them() {
    assumeThat(TestedGpu.isReal()).as("a GPU of silicon does not fail on demand").isFalse();
    whileItsBlocksMove(
        41,
        20,
        (model, moves, swap) -> {
          model.moveAhead(moves, swap, 0);
          GPU.standIn().fail("cuMemcpyBatchAsync", 1, 1, 1);
          SteppedModel.Sequence fails = model.sequence(prompt(3));
          assertThatThrownBy(() -> model.advance(fails)).isInstanceOf(DriverException.class);
          swap.settle();
        });
  }

  @Test
  void blocks_of_a_step_are_one_call_of_the_driver() {
    assumeThat(TestedGpu.isReal()).as("calls of a real driver are not counted").isFalse();
    try (GpuModel model = model()) {
      SteppedModel.Sequence sequence = model.sequence(prompt(60));
      model.advance(sequence);
      KvSwap swap = model.swap(20);
      long before = GPU.standIn().calls("cuMemcpyBatchAsync");
      model.save(sequence, swap, 0);
      model.load(sequence, swap, 0);
      assertThat(decoded(model, sequence, 1)).hasSize(3);
      assertThat(GPU.standIn().calls("cuMemcpyBatchAsync") - before).isEqualTo(2);
    }
  }

  @Test
  void moves_that_the_driver_refused_are_made_by_the_next_step() {
    assumeThat(TestedGpu.isReal()).as("a GPU of silicon does not fail on demand").isFalse();
    whileItsBlocksMove(
        41,
        20,
        (model, moves, swap) -> {
          model.save(moves, swap, 0);
          model.load(moves, swap, 0);
          GPU.standIn().fail("cuMemcpyBatchAsync", 1, 1, 1);
          SteppedModel.Sequence fails = model.sequence(prompt(3));
          assertThatThrownBy(() -> model.advance(fails)).isInstanceOf(DriverException.class);
        });
  }

  @Test
  void what_there_is_not_is_refused() {
    try (GpuModel model = model()) {
      KvSwap swap = model.swap(2);
      assertThat(swap.slots()).isEqualTo(2);
      assertThatThrownBy(() -> swap.save(0, 2)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> swap.load(0, BLOCKS)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThat(model.swap(0)).isSameAs(KvSwap.NONE);
      assertThatThrownBy(() -> KvSwap.NONE.save(0, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
