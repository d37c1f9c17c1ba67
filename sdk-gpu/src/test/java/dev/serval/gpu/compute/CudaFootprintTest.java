package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.storage.StoredTensor;
import dev.serval.testkit.models.ZeroTensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is planned for a weight is what it takes of the device's memory. */
final class CudaFootprintTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final ComputeOptions OPTIONS = ComputeOptions.of(1);

  private static List<List<StoredTensor>> weights(DType dtype) {
    List<List<StoredTensor>> weights = new ArrayList<>();
    weights.add(List.of(ZeroTensor.of(dtype, 64, 512)));
    weights.add(List.of(ZeroTensor.of(dtype, 70, 768), ZeroTensor.of(dtype, 37, 768)));
    weights.add(
        List.of(
            ZeroTensor.of(dtype, 5, 256),
            ZeroTensor.of(DType.Q6_K, 6, 256),
            ZeroTensor.of(dtype, 7, 256),
            ZeroTensor.of(DType.F16, 8, 256)));
    if (dtype.blockElements() == 1) {
      weights.add(List.of(ZeroTensor.of(dtype, 3, 37)));
      weights.add(List.of(ZeroTensor.of(dtype, 37), ZeroTensor.of(dtype, 2)));
    }
    return weights;
  }

  private static long taken(CudaBackend backend) {
    return backend.access().room().children().stream()
        .filter(pool -> pool.path().endsWith("/weights"))
        .map(RegionPool::used)
        .mapToLong(Bytes::count)
        .sum();
  }

  @ParameterizedTest
  @EnumSource
  void a_weight_takes_to_the_byte_what_is_planned_for_it(DType dtype) {
    CudaBackendProvider provider = GPU.provider();
    try (NativeMemory memory = NativeMemory.root("test", Bytes.mebi(1));
        CudaBackend backend = (CudaBackend) provider.open(GPU.device(), OPTIONS, memory)) {
      for (List<StoredTensor> weight : weights(dtype)) {
        Bytes planned = provider.footprint(GPU.device(), OPTIONS, List.of(weight));
        long before = taken(backend);
        backend.load(weight);
        assertThat(taken(backend) - before).as("%s", weight).isEqualTo(planned.count());
      }
      assertThat(provider.footprint(GPU.device(), OPTIONS, weights(dtype)).count())
          .isEqualTo(taken(backend));
    }
  }
}
