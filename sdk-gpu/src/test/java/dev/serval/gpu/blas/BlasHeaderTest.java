package dev.serval.gpu.blas;

import dev.serval.gpu.driver.Header;
import dev.serval.gpu.driver.HeaderProbe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** {@code cublasLt.h}. */
class BlasHeaderTest {
  @TestFactory
  List<DynamicTest> what_is_known_is_what_the_header_says(@TempDir Path folder)
      throws IOException, InterruptedException {
    return new Header(
            "cublasLt.h",
            Arrays.stream(BlasFunction.values())
                .collect(Collectors.toMap(BlasFunction::symbol, BlasFunction::parameters)),
            List.of(BlasStructs.HEURISTIC),
            HeaderProbe.constants(BlasConstants.class))
        .tests(folder);
  }
}
