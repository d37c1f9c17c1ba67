package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.device.NativeMemory;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Tests of one part of the backend, each on one of its own, and the same random numbers. */
abstract class CudaCase {
  final Random random = new Random(1);
  private NativeMemory memory;
  CudaBackend backend;

  /** Opens the backend that is tested, with no more of the host's memory than this. */
  abstract ComputeBackend open(NativeMemory host);

  @BeforeEach
  final void openBackend() {
    memory = NativeMemory.root("test", Bytes.mebi(16));
    backend = (CudaBackend) open(memory);
  }

  @AfterEach
  final void closeBackend() {
    backend.close();
    memory.close();
  }
}
