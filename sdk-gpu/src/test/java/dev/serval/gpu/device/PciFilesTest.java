package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PciFilesTest {
  private static final String ADDRESS = "0000:3b:00.0";

  @TempDir private Path root;
  private Path device;

  @BeforeEach
  void aDeviceBelowABridge() throws IOException {
    device = root.resolve("sys/devices/pci0000:3a/0000:3a:00.0/" + ADDRESS);
    Files.createDirectories(device);
    Path bus = Files.createDirectories(root.resolve("sys/bus/pci/devices"));
    Files.createSymbolicLink(bus.resolve(ADDRESS), device);
  }

  @Test
  void it_tells_the_node_the_link_and_the_root_complex() throws IOException {
    Files.writeString(device.resolve("numa_node"), "1\n");
    Files.writeString(device.resolve("max_link_speed"), "32.0 GT/s PCIe\n");
    Files.writeString(device.resolve("max_link_width"), "16\n");

    PciFiles files = new PciFiles(root);

    assertThat(files.numaNode(ADDRESS)).hasValue(1);
    assertThat(files.linkGeneration(ADDRESS)).hasValue(5);
    assertThat(files.linkWidth(ADDRESS)).hasValue(16);
    assertThat(files.rootComplex(ADDRESS)).contains("pci0000:3a");
  }

  @Test
  void a_machine_without_nodes_has_none() throws IOException {
    Files.writeString(device.resolve("numa_node"), "-1\n");

    assertThat(new PciFiles(root).numaNode(ADDRESS)).isEmpty();
  }

  @Test
  void what_is_no_number_or_not_there_is_not_known() throws IOException {
    Files.writeString(device.resolve("max_link_width"), "unknown\n");
    Files.writeString(device.resolve("max_link_speed"), "Unknown\n");

    PciFiles files = new PciFiles(root);

    assertThat(files.linkWidth(ADDRESS)).isEmpty();
    assertThat(files.linkGeneration(ADDRESS)).isEmpty();
    assertThat(files.numaNode("0000:00:00.0")).isEmpty();
    assertThat(files.rootComplex("0000:00:00.0")).isEmpty();
    assertThat(files.driverVersion()).isEmpty();
  }
}
