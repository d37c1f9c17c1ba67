package dev.serval.command.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.compute.DType;
import dev.serval.command.bench.ModelWork.Last;
import dev.serval.command.bench.ModelWork.Size;
import dev.serval.command.bench.Roofline.Instructions;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class RooflineTest {
  private static final MachinePeaks PEAKS = new MachinePeaks(2, 40, 200);
  private static final ModelWork WORK =
      new ModelWork(
          DType.BF16,
          new Size(900_000_000, 1_800_000_000),
          new Size(0, 0),
          1,
          new Last(50_000_000, 0),
          new Size(100_000_000, 200_000_000),
          20_000,
          0);

  private static Roofline roofline(Instructions instructions) {
    return new Roofline(PEAKS, instructions, WORK);
  }

  @Test
  void one_sequence_is_limited_by_reading_the_weights() {
    assertThat(roofline(new Instructions("F32", 1)).decode(1, 0)).isCloseTo(20, within(1e-9));
    assertThat(roofline(new Instructions("F32", 1)).decode(1, 100_000)).isCloseTo(10, within(1e-9));
  }

  @Test
  void many_sequences_and_prompts_are_limited_by_multiplying() {
    Roofline plain = roofline(new Instructions("F32", 1));
    Roofline faster = roofline(new Instructions("BF16", 2));

    assertThat(plain.decode(64, 0)).isCloseTo(100, within(1e-9));
    assertThat(faster.decode(64, 0)).isCloseTo(200, within(1e-9));
    assertThat(plain.prefill(1000)).isCloseTo(200e9 / 1.7e9, within(0.1));
  }

  @Test
  void experts_count_as_far_as_rows_go_to_them() {
    ModelWork work =
        new ModelWork(
            DType.BF16,
            new Size(200_000_000, 400_000_000),
            new Size(800_000_000, 1_600_000_000),
            0.25,
            new Last(0, 0),
            new Size(0, 0),
            0,
            30_000_000);

    assertThat(work.bytes(1, 0, 0)).isCloseTo(400e6 + 1600e6 / 4, within(1.0));
    assertThat(work.bytes(2, 0, 0)).isCloseTo(400e6 + 1600e6 * 7 / 16, within(1.0));
    assertThat(work.operations(10, 0)).isCloseTo(20 * (200e6 + 800e6 / 4), within(1.0));
    assertThat(work.bytes(1, 3, 0) - work.bytes(1, 0, 0))
        .as("states, which are read and written")
        .isCloseTo(6 * 30e6, within(1.0));
  }

  @Test
  void instructions_are_those_of_the_type_and_the_processor() {
    assertThat(Instructions.of(DType.BF16, Set.of("avx512_bf16")).gain()).isEqualTo(2);
    assertThat(Instructions.of(DType.BF16, Set.of("avx2")).gain()).isEqualTo(1);
    assertThat(Instructions.of(DType.Q8_0, Set.of("avx2")).gain()).isEqualTo(2);
    assertThat(Instructions.of(DType.Q4_0, Set.of("avx2", "avx_vnni")).gain()).isEqualTo(4);
    assertThat(Instructions.of(DType.F32, Set.of("avx512_vnni")).gain()).isEqualTo(1);
  }

  @Test
  void this_machine_reads_and_multiplies() throws InterruptedException {
    MachinePeaks peaks = MachinePeaks.measure(2, System::nanoTime);

    assertThat(peaks.readGigabytes()).isBetween(0.5, 2000.0);
    assertThat(peaks.multiplyGigaops()).isBetween(0.5, 20_000.0);
  }
}
