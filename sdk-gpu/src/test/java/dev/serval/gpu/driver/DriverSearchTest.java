package dev.serval.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DriverSearchTest {
  @Test
  void aLibraryThatIsNotThereIsAFindingThatNamesThePath(@TempDir Path folder) {
    Path library = folder.resolve("libcuda.so.1");

    assertThat(finding(DriverSearch.at(library))).contains("no library at " + library);
  }

  @Test
  void aLibraryOfSomethingElseIsAFinding() {
    Path library = Path.of(System.getProperty("java.home"), "lib", "libzip.so");

    assertThat(finding(DriverSearch.at(library)))
        .isEqualTo(library + " is no CUDA driver: it has no cuDriverGetVersion");
  }

  private static String finding(DriverSearch.Outcome outcome) {
    assertThat(outcome).isInstanceOf(DriverSearch.Absent.class);
    return ((DriverSearch.Absent) outcome).finding();
  }
}
