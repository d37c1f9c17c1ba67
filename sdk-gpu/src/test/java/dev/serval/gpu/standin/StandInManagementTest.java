package dev.serval.gpu.standin;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.gpu.driver.CudaDriver;
import dev.serval.gpu.driver.DriverSearch;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The stand-in as management library, and as drivers that lack something. */
class StandInManagementTest {
  private static final int NOT_SUPPORTED = 3;
  private static final int TIMEOUT = 10;
  private static final int GPU_IS_LOST = 15;
  private static final long XID = 8;

  @RegisterExtension
  final StandIn machine = StandIn.with("devices=2", "nvlinks=2", "mig.1=2", "memory=3g");

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment out = arena.allocate(256);

  @BeforeEach
  void initialise() {
    assertThat(call("nvmlInit_v2")).isZero();
  }

  @AfterEach
  void close() {
    assertThat(call("nvmlShutdown")).isZero();
    arena.close();
  }

  private int call(String function, Object... arguments) {
    MemoryLayout[] types =
        Arrays.stream(arguments)
            .map(argument ->
                switch (argument) {
                  case Integer _ -> JAVA_INT;
                  case Long _ -> JAVA_LONG;
                  default -> ADDRESS;
                })
            .toArray(MemoryLayout[]::new);
    try {
      return (int)
          Linker.nativeLinker()
              .downcallHandle(
                  SymbolLookup.libraryLookup(machine.managementLibrary(), Arena.global())
                      .findOrThrow(function),
                  FunctionDescriptor.of(JAVA_INT, types))
              .invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private long device(int index) {
    assertThat(call("nvmlDeviceGetHandleByIndex_v2", index, out)).isZero();
    return out.get(JAVA_LONG, 0);
  }

  @Test
  void devices_are_those_of_the_driver() {
    assertThat(call("nvmlDeviceGetCount_v2", out)).isZero();
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(2);
    assertThat(call("nvmlDeviceGetUUID", device(0), out, 96)).isZero();

    CudaDriver driver = ((DriverSearch.Found) DriverSearch.at(machine.library())).driver();
    assertThat(out.getString(0)).isEqualTo("GPU-" + driver.devices().getFirst().uuid());
  }

  @Test
  void a_device_that_is_divided_has_instances() {
    assertThat(call("nvmlDeviceGetMigMode", device(1), out, out.asSlice(4))).isZero();
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(1);
    assertThat(call("nvmlDeviceGetMigDeviceHandleByIndex", device(1), 1, out)).isZero();
    long instance = out.get(JAVA_LONG, 0);
    assertThat(call("nvmlDeviceGetUUID", instance, out, 96)).isZero();
    assertThat(out.getString(0)).startsWith("MIG-");
    assertThat(call("nvmlDeviceGetMemoryInfo", instance, out)).isZero();
    assertThat(out.get(JAVA_LONG, 0)).isEqualTo(1L << 30);
    assertThat(call("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", instance, out)).isZero();
    assertThat(out.get(JAVA_LONG, 0)).isEqualTo(device(1));
  }

  @Test
  void links_lead_to_the_other_device_and_may_go_down() {
    assertThat(call("nvmlDeviceGetNvLinkRemotePciInfo_v2", device(0), 1, out)).isZero();
    assertThat(out.asSlice(36).getString(0)).isEqualTo("00000000:20:00.0");

    machine.link(0, 1, false);
    assertThat(call("nvmlDeviceGetNvLinkState", device(0), 1, out)).isZero();
    assertThat(out.get(JAVA_INT, 0)).isZero();
    assertThat(call("nvmlDeviceGetNvLinkState", device(0), 0, out)).isZero();
    assertThat(out.get(JAVA_INT, 0)).isEqualTo(1);
  }

  @Test
  void an_xid_reaches_who_registered_for_its_device() {
    assertThat(call("nvmlEventSetCreate", out)).isZero();
    long set = out.get(JAVA_LONG, 0);
    long device = device(1);
    assertThat(call("nvmlDeviceRegisterEvents", device, XID, set)).isZero();
    assertThat(call("nvmlEventSetWait_v2", set, out, 1)).isEqualTo(TIMEOUT);

    machine.xid(0, 79);
    machine.xid(1, 94, 2);
    assertThat(call("nvmlEventSetWait_v2", set, out, 1_000)).isZero();
    assertThat(out.get(JAVA_LONG, 0)).isEqualTo(device);
    assertThat(out.get(JAVA_LONG, 8)).isEqualTo(XID);
    assertThat(out.get(JAVA_LONG, 16)).isEqualTo(94);
    assertThat(out.get(JAVA_INT, 24)).isEqualTo(2);
    assertThat(call("nvmlEventSetFree", set)).isZero();
  }

  @Test
  void a_lost_device_is_lost_here_too() {
    long device = device(0);
    machine.lose(0, StandIn.UNKNOWN);

    assertThat(call("nvmlDeviceGetMemoryInfo", device, out)).isEqualTo(GPU_IS_LOST);
  }

  @Test
  void a_device_without_links_says_so() {
    machine.configure("devices=1");
    assertThat(call("nvmlInit_v2")).isZero();

    assertThat(call("nvmlDeviceGetNvLinkState", device(0), 0, out)).isEqualTo(NOT_SUPPORTED);
  }

  @Test
  void a_library_may_lack_functions() {
    SymbolLookup library =
        SymbolLookup.libraryLookup(
            machine.libraryWithout("cuGetProcAddress_v2", "nvmlDeviceGetMigMode"), arena);

    assertThat(library.find("cuGetProcAddress_v2")).isEmpty();
    assertThat(library.find("nvmlDeviceGetMigMode")).isEmpty();
    assertThat(library.find("cuGetProcAddress")).isPresent();
  }

  @Test
  void an_old_driver_is_found_and_named() {
    machine.configure("driver=11080");

    assertThat(DriverSearch.at(machine.library()))
        .isEqualTo(
            new DriverSearch.Absent(
                "the NVIDIA driver (%s) is too old: it is of CUDA 11.8, and 12.0 is needed"
                    .formatted(machine.library())));
    assertThat(call("nvmlInit_v2")).isZero();
  }

  @Test
  void a_driver_may_lack_young_functions() {
    for (String setting : new String[] {"driver=12000", "driver=13000\nbatchCopies=0"}) {
      machine.configure(setting);
      CudaDriver driver = ((DriverSearch.Found) DriverSearch.at(machine.library())).driver();
      assertThat(driver.copiesInBatches()).isFalse();
    }
    machine.configure("driver=12080");
    CudaDriver driver = ((DriverSearch.Found) DriverSearch.at(machine.library())).driver();
    assertThat(driver.copiesInBatches()).isTrue();
    assertThat(call("nvmlInit_v2")).isZero();
  }

  @Test
  void a_machine_may_have_no_device() {
    machine.configure("devices=0");

    assertThat(DriverSearch.at(machine.library())).isInstanceOf(DriverSearch.Absent.class);
    assertThat(call("nvmlInit_v2")).isZero();
  }
}
