package dev.serval.models.cpu.vector;

import dev.serval.models.cpu.system.Processor;
import java.util.Set;

/** Vectors as for a processor for which weights are fetched before they are multiplied. */
final class VectorFetchContractTest extends VectorBackendContractTest {
  @Override
  Processor processor() {
    return new Processor(Set.of("avx512f", "avx_vnni"));
  }
}
