package dev.serval.models.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.generated.GeneratedTierSource;
import dev.serval.models.cpu.generated.InstructionSet;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.models.cpu.vector.VectorTierSource;
import dev.serval.testkit.models.ZeroTensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is planned for a weight is what it takes, in each tier of kernels and each type. */
final class FootprintTest {
  private static final List<KernelTierSource> OTHERS =
      List.of(new VectorTierSource(Processor.here()), new PlainTierSource());

  /** A tier as if on a processor. */
  record Tier(String name, KernelTierSource source, Processor processor) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Tier> tiers() {
    Processor here = Processor.here();
    Processor older = here;
    for (String feature : List.of("amx_tile", "avx512f", "avx_vnni")) {
      older = older.less(feature);
    }
    return Stream.of(
            new Tier("plain", new PlainTierSource(), here),
            new Tier("vector", new VectorTierSource(Processor.here()), here),
            generated(here),
            generated(older))
        .filter(tier -> tier.source.missing(tier.processor).isEmpty());
  }

  private static Tier generated(Processor processor) {
    String set = InstructionSet.of(processor.features()).map(Object::toString).orElse("nothing");
    return new Tier("generated for " + set, new GeneratedTierSource(OTHERS, processor), processor);
  }

  /** A weight of matrices with so many rows. */
  private static List<StoredTensor> stacked(DType dtype, int columns, int... rows) {
    return IntStream.of(rows).mapToObj(count -> ZeroTensor.of(dtype, count, columns)).toList();
  }

  private static List<List<StoredTensor>> weights() {
    List<List<StoredTensor>> weights = new ArrayList<>();
    for (DType dtype : DType.values()) {
      weights.add(stacked(dtype, 512, 256));
      weights.add(stacked(dtype, 768, 70, 37, 5));
      if (dtype.blockElements() <= 32) {
        weights.add(stacked(dtype, 96, 33));
      }
      if (dtype.blockElements() == 1) {
        weights.add(stacked(dtype, 37, 3));
        weights.add(List.of(ZeroTensor.of(dtype, 37), ZeroTensor.of(dtype, 2)));
      }
    }
    weights.add(
        Arrays.stream(DType.values())
            .filter(dtype -> dtype != DType.F32)
            .map(dtype -> ZeroTensor.of(dtype, 33, 512))
            .toList());
    weights.add(Arrays.stream(DType.values()).map(dtype -> ZeroTensor.of(dtype, 33, 512)).toList());
    return weights;
  }

  @ParameterizedTest
  @MethodSource("tiers")
  void a_weight_takes_to_the_byte_what_is_planned_for_it(Tier tier) {
    CpuBackendProvider provider = new CpuBackendProvider(List.of(tier.source), tier.processor);
    ComputeOptions options = ComputeOptions.of(2);
    try (NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));
        ComputeBackend backend = provider.open(Tiers.CPU, options, memory)) {
      weights().forEach(backend::load); // makes what is made once for each type
      for (List<StoredTensor> weight : weights()) {
        Bytes planned = provider.footprint(Tiers.CPU, options, List.of(weight));
        long before = memory.used().count();
        backend.load(weight);
        assertThat(memory.used().count() - before).as("%s", weight).isEqualTo(planned.count());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("tiers")
  void weights_together_take_what_they_take_one_by_one(Tier tier) {
    CpuBackendProvider provider = new CpuBackendProvider(List.of(tier.source), tier.processor);
    long sum = 0;
    for (List<StoredTensor> weight : weights()) {
      sum += planned(provider, List.of(weight));
    }
    assertThat(planned(provider, weights())).isEqualTo(sum);
    assertThat(planned(provider, List.of())).isZero();
  }

  private static long planned(CpuBackendProvider provider, List<List<StoredTensor>> weights) {
    return provider.footprint(Tiers.CPU, ComputeOptions.of(1), weights).count();
  }
}
