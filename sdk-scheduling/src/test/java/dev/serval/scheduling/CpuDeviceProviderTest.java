package dev.serval.scheduling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DeviceProvider;
import dev.serval.testkit.DeviceProviderContract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CpuDeviceProviderTest extends DeviceProviderContract {
  private static final String X86 =
      """
      processor\t: 0
      model name\t: AMD EPYC 9V74 80-Core Processor
      flags\t\t: fpu vme sse4_1 sse4_2 fma avx2 avx512f avx512_bf16 avx512_vnni
      processor\t: 1
      model name\t: AMD EPYC 9V74 80-Core Processor
      flags\t\t: fpu vme sse4_1 sse4_2 fma avx2 avx512f avx512_bf16 avx512_vnni
      """;

  @TempDir Path root;

  @Override
  protected DeviceProvider provider() {
    return new CpuDeviceProvider();
  }

  @Test
  void it_is_offered_as_a_service() {
    assertThat(CpuDeviceProvider.class.getModule().getDescriptor().provides())
        .anySatisfy(
            service -> assertThat(service.providers()).contains(CpuDeviceProvider.class.getName()));
  }

  @Test
  void this_machine_has_a_processor_with_cores_and_memory() {
    Device cpu = only(provider());
    assertThat(cpu.kind()).isEqualTo(DeviceKind.CPU);
    assertThat(Integer.parseInt(cpu.attributes().get("cores")))
        .isBetween(1, Runtime.getRuntime().availableProcessors());
  }

  @Test
  void name_vector_features_and_nodes_are_what_linux_tells() throws IOException {
    file("proc/cpuinfo", X86);
    file("proc/meminfo", "MemTotal:        8192 kB\nMemFree:  1024 kB\n");
    file("sys/devices/system/node/node0/cpulist", "0-3");
    file("sys/devices/system/node/node1/cpulist", "4-7");
    file("sys/devices/system/node/online", "0-1");
    Device cpu = only(fixture(8));
    assertThat(cpu.id()).isEqualTo("cpu:0");
    assertThat(cpu.name()).isEqualTo("AMD EPYC 9V74 80-Core Processor");
    assertThat(cpu.memory()).isEqualTo(Bytes.mebi(8));
    assertThat(cpu.attributes())
        .containsEntry("cores", "8")
        .containsEntry("architecture", "amd64")
        .containsEntry("numa.nodes", "2")
        .containsEntry("features", "avx2 avx512_bf16 avx512_vnni avx512f fma sse4_1 sse4_2");
  }

  @Test
  void an_arm_processor_is_named_by_its_architecture_where_linux_names_none() throws IOException {
    file("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd asimddp sve bf16 i8mm\n");
    Device cpu = only(new CpuDeviceProvider(root, 4, Bytes.gibi(1), "aarch64"));
    assertThat(cpu.name()).isEqualTo("aarch64 processor");
    assertThat(cpu.attributes()).containsEntry("features", "asimd asimddp bf16 i8mm sve");
  }

  @Test
  void without_proc_and_sys_the_jvm_is_asked() {
    DeviceProvider.Discovery found = fixture(6).discover();
    Device cpu = found.devices().getFirst();
    assertThat(cpu.memory()).isEqualTo(Bytes.gibi(64));
    assertThat(cpu.attributes()).containsOnlyKeys("architecture", "cores");
    assertThat(found.finding()).isEqualTo("the JVM may use 6 cores and 64 GiB of memory");
  }

  @Test
  void a_unified_control_group_limits_memory_and_cores_from_any_level() throws IOException {
    file("proc/self/cgroup", "0::/kubepods/pod7/c1\n");
    file("sys/fs/cgroup/kubepods/pod7/c1/memory.max", "max\n");
    file("sys/fs/cgroup/kubepods/pod7/c1/cpu.max", "250000 100000\n");
    file("sys/fs/cgroup/kubepods/pod7/memory.max", "1073741824\n");
    file("sys/fs/cgroup/kubepods/cpu.max", "max 100000\n");
    DeviceProvider.Discovery found = fixture(8).discover();
    assertThat(found.devices().getFirst().memory()).isEqualTo(Bytes.gibi(1));
    assertThat(found.devices().getFirst().attributes()).containsEntry("cores", "3");
    assertThat(found.finding())
        .isEqualTo(
            "the JVM may use 3 cores (by a control group's quota) and 1 GiB of memory (by a control"
                + " group's limit)");
  }

  @Test
  void a_control_group_of_version_1_limits_too() throws IOException {
    file("proc/self/cgroup", "9:name=systemd:/\n4:memory:/docker/c2\n1:cpu,cpuacct:/docker/c2\n");
    file("sys/fs/cgroup/memory/docker/c2/memory.limit_in_bytes", "536870912\n");
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    file("sys/fs/cgroup/cpu/docker/c2/cpu.cfs_quota_us", "50000\n");
    file("sys/fs/cgroup/cpu/docker/c2/cpu.cfs_period_us", "100000\n");
    file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    Device cpu = only(fixture(8));
    assertThat(cpu.memory()).isEqualTo(Bytes.mebi(512));
    assertThat(cpu.attributes()).containsEntry("cores", "1");
  }

  @Test
  void a_container_that_sees_its_own_group_at_the_top_is_limited_by_that() throws IOException {
    file("proc/self/cgroup", "0::/\n");
    file("sys/fs/cgroup/memory.max", "268435456\n");
    assertThat(only(fixture(2)).memory()).isEqualTo(Bytes.mebi(256));
  }

  @Test
  void files_that_make_no_sense_are_passed_over() throws IOException {
    file("proc/self/cgroup", "nonsense\n0::relative\n::::\n");
    file("sys/fs/cgroup/memory.max", "99999999999999999999999\n");
    file("sys/fs/cgroup/cpu.max", "0 0\n");
    file("proc/meminfo", "MemTotal: many kB\n");
    file("proc/cpuinfo", "flags\nmodel name\t:\n: x\n");
    Device cpu = only(fixture(2));
    assertThat(cpu.memory()).isEqualTo(Bytes.gibi(64));
    assertThat(cpu.name()).isEqualTo("amd64 processor");
    assertThat(cpu.attributes()).containsEntry("cores", "2");
  }

  private DeviceProvider fixture(int processors) {
    return new CpuDeviceProvider(root, processors, Bytes.gibi(64), "amd64");
  }

  private static Device only(DeviceProvider provider) {
    assertThat(provider.discover().devices()).hasSize(1);
    return provider.discover().devices().getFirst();
  }

  private void file(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
