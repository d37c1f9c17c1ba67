package dev.serval.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.gpu.standin.StandIn;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class DriverSearchTest {
  @RegisterExtension final StandIn machine = StandIn.with("memory=1g");

  @Test
  void a_library_that_is_not_there_is_a_finding_that_names_the_path(@TempDir Path folder) {
    Path library = folder.resolve("libcuda.so.1");

    assertThat(finding(DriverSearch.at(library))).contains("no library at " + library);
  }

  @Test
  void a_library_of_something_else_is_a_finding() {
    Path library = Path.of(System.getProperty("java.home"), "lib", "libzip.so");

    assertThat(finding(DriverSearch.at(library)))
        .isEqualTo(library + " is no CUDA driver: it has no cuDriverGetVersion");
  }

  @Test
  void an_old_driver_is_a_finding_that_names_its_version_and_the_one_needed() {
    machine.configure("driver=11080");

    assertThat(finding(DriverSearch.at(machine.library())))
        .contains("is too old: it is of CUDA 11.8, and 12.0 is needed");
  }

  @Test
  void a_driver_without_a_device_is_a_finding() {
    machine.configure("initCode=100");

    assertThat(finding(DriverSearch.at(machine.library())))
        .contains("has no device to offer: cuInit failed with CUDA_ERROR_NO_DEVICE (100)");
  }

  @Test
  void a_driver_that_lacks_something_is_a_finding_that_names_it() {
    machine.configure("hidden=cuGraphLaunch cuMemPoolCreate");

    assertThat(finding(DriverSearch.at(machine.library())))
        .endsWith("lacks cuMemPoolCreate, cuGraphLaunch");
  }

  @Test
  void a_driver_that_is_just_young_enough_lacks_nothing_that_is_needed() {
    machine.configure("driver=12000", "batchCopies=0");

    assertThat(DriverSearch.at(machine.library()))
        .isInstanceOfSatisfying(
            DriverSearch.Found.class,
            found -> {
              assertThat(found.driver().version()).isEqualTo("12.0");
              assertThat(found.driver().copiesInBatches()).isFalse();
            });
  }

  private static String finding(DriverSearch.Outcome outcome) {
    assertThat(outcome).isInstanceOf(DriverSearch.Absent.class);
    return ((DriverSearch.Absent) outcome).finding();
  }
}
