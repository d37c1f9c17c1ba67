package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.Sampling;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.StepLimits;
import dev.serval.testkit.ThreadMeter;
import dev.serval.testkit.models.SteppedModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Steps of a model whose weights are all multiplied by tensor cores. */
final class CudaStepTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final SteppedModel.Setup SETUP =
      new SteppedModel.Setup(DType.BF16, 16, 200, new StepLimits(128, 12));

  private final Random random = new Random(1);

  private static GpuModel model() {
    return new GpuModel(new RandomLlama(), GPU.provider(), GPU.device(), SETUP);
  }

  private int[] prompt(int length) {
    return random.ints(length, 0, RandomLlama.VOCABULARY).toArray();
  }

  @Test
  void a_replayed_decode_gives_the_bits_of_one_that_was_launched() {
    int[] prompt = prompt(20);
    try (GpuModel model = model()) {
      SteppedModel.Sequence replayed = model.sequence(prompt);
      SteppedModel.Sequence beside = model.sequence(prompt(5));
      SteppedModel.Sequence launched = model.sequence(prompt);
      model.step(List.of(replayed), List.of(20));
      model.step(List.of(launched), List.of(20));
      for (int i = 0; i < 6; i++) {
        replayed.append(i);
        launched.append(i);
        float[] bits = model.step(List.of(replayed), List.of(1)).getFirst();
        beside.append(i);
        beside.append(i + 1);
        float[] expected =
            model.step(List.of(launched, beside), List.of(1, i == 0 ? 7 : 2)).getFirst();
        assertThat(bits).containsExactly(expected);
      }
      assertThat(((CudaBackend) model.backend()).records()).isOne();
    }
  }

  @Test
  void decodes_of_one_bucket_share_a_record_whatever_their_number_and_length() {
    try (GpuModel model = model()) {
      List<SteppedModel.Sequence> sequences = new ArrayList<>();
      List<float[]> alone = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        int[] prompt = prompt(3 + 20 * i);
        alone.add(model.logits(prompt, 100));
        SteppedModel.Sequence sequence = model.sequence(prompt);
        while (sequence.left() > 1) {
          model.step(List.of(sequence), List.of(Math.min(sequence.left() - 1, 100)));
        }
        sequences.add(sequence);
      }
      for (int count : new int[] {2, 3, 4}) {
        List<SteppedModel.Sequence> some = new ArrayList<>(sequences.subList(0, count));
        List<float[]> together = model.step(some, some.stream().map(s -> 1).toList());
        for (int i = 0; i < count; i++) {
          assertThat(together.get(i)).containsExactly(alone.get(i));
        }
        sequences.subList(0, count).clear();
        alone.subList(0, count).clear();
      }
      assertThat(((CudaBackend) model.backend()).records()).isOne();
    }
  }

  @Test
  void logits_of_prompts_and_decodes_in_one_step_are_those_of_each_alone() {
    try (GpuModel model = model()) {
      int[] decoded = prompt(40);
      int[] read = prompt(30);
      float[] first = model.logits(decoded, 100);
      float[] second = model.logits(read, 100);
      SteppedModel.Sequence decode = model.sequence(decoded);
      model.step(List.of(decode), List.of(39));
      SteppedModel.Sequence prompt = model.sequence(read);
      SteppedModel.Sequence begun = model.sequence(prompt(50));
      List<float[]> together = model.step(List.of(begun, decode, prompt), List.of(20, 1, 30));
      assertThat(together.get(1)).containsExactly(first);
      assertThat(together.get(2)).containsExactly(second);
    }
  }

  @Test
  void a_recorded_pass_that_goes_over_to_another_step_is_refused() {
    try (GpuModel model = model()) {
      ComputeBackend backend = model.backend();
      Activations rows = backend.activations(2, 8);
      StepBatch other = decode(2);
      backend.gather(other, rows);
      Consumer<StepBatch> pass = batch -> backend.gather(other, rows);
      backend.step(decode(1), pass);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> backend.step(decode(1), pass))
          .withMessageContaining("recorded");
      assertThat(model.logits(prompt(5), 5)).hasSize(RandomLlama.VOCABULARY);
    }
  }

  private static StepBatch decode(int sequences) {
    StepBatch batch = new StepBatch(sequences, sequences);
    for (int i = 0; i < sequences; i++) {
      batch.add(new int[1], 0, 1, BlockTable.EMPTY, true);
    }
    return batch;
  }

  /** But for those cut by top-k or top-p: what is left is gone through in another order. */
  @Test
  void tokens_drawn_on_the_device_are_those_that_the_host_draws() {
    List<Sampling> rules =
        List.of(
            Sampling.GREEDY,
            Sampling.builder().temperature(0.8).build(),
            Sampling.builder().temperature(1).repetitionPenalty(1.3).presencePenalty(0.4).build(),
            Sampling.builder().temperature(0).frequencyPenalty(1.5).build());
    try (GpuModel model = model()) {
      List<SteppedModel.Sequence> device = new ArrayList<>();
      List<SteppedModel.Sequence> host = new ArrayList<>();
      for (int i = 0; i < rules.size(); i++) {
        int[] prompt = prompt(4 + i);
        device.add(drawn(model, prompt, rules.get(i), i, -1));
        host.add(drawn(model, prompt, rules.get(i), i, 0));
      }
      for (int i = 0; i < 20; i++) {
        model.draw(device, 100);
        model.draw(host, 100);
      }
      for (int i = 0; i < rules.size(); i++) {
        assertThat(device.get(i).completion())
            .as("%s", rules.get(i))
            .containsExactly(host.get(i).completion());
      }
    }
  }

  private static SteppedModel.Sequence drawn(
      GpuModel model, int[] prompt, Sampling sampling, long seed, int alternatives) {
    return model
        .sequence(prompt)
        .drawnBy(model.executor().sampler(sampling, seed, prompt, alternatives));
  }

  @Test
  void a_step_takes_nothing_from_the_heap() {
    try (GpuModel model = model()) {
      List<SteppedModel.Sequence> sequences = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        sequences.add(drawn(model, prompt(4), Sampling.GREEDY, i, -1));
      }
      model.draw(sequences, 100);
      model.draw(sequences, 100);
      StepBatch batch = model.fill(sequences, List.of(1, 1, 1));
      long taken = Long.MAX_VALUE;
      ThreadMeter meter = new ThreadMeter();
      for (int round = 0; round < 40 && taken >= 50 * 16; round++) {
        long before = meter.allocatedBytes(Thread.currentThread());
        for (int i = 0; i < 50; i++) {
          model.executor().execute(batch);
        }
        taken = meter.allocatedBytes(Thread.currentThread()) - before;
      }
      assertThat(taken).as("bytes of 50 steps").isLessThan(50 * 16);
    }
  }
}
