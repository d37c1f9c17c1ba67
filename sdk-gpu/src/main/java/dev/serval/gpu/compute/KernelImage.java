package dev.serval.gpu.compute;

import dev.serval.api.ConfigurationException;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.CudaDevice;
import dev.serval.gpu.driver.DeviceAttribute;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * The kernels as a device takes them: assembled for it where there is such an image, else as PTX,
 * which the driver assembles.
 *
 * @param resource the image
 * @param description what it is, in words
 * @param instruction what its products with packed matrices are made of: {@code wgmma} or {@code
 *     mma}
 * @param multiprocessors of the device
 * @param programmatic whether kernels may begin before those before them have ended
 */
record KernelImage(
    String resource,
    String description,
    String instruction,
    int multiprocessors,
    boolean programmatic) {
  /** Products of warpgroups. */
  static final String WGMMA = "wgmma";

  /** Products of warps. */
  static final String MMA = "mma";

  private static final String FOLDER = "/dev/serval/gpu/kernels/";
  private static final String PTX = "compute_80.ptx.gz";
  private static final int HOPPER = 90;
  private static final int OLDEST = 80;
  private static final int[] ASSEMBLED = {80, 86, 89, 90, 100, 120};

  /**
   * For a device.
   *
   * @param device the device
   * @param portable whether products shall be made of what every device has
   * @throws ConfigurationException when the device is older than the kernels
   */
  static KernelImage of(CudaDevice device, boolean portable) {
    int capability = device.capability();
    if (capability < OLDEST) {
      throw new ConfigurationException(
          List.of(
              "device: %s is of compute capability %d.%d, and the kernels need 8.0"
                  .formatted(device.name(), capability / 10, capability % 10)));
    }
    int assembled =
        Arrays.stream(ASSEMBLED)
            .filter(each -> each / 10 == capability / 10 && each <= capability)
            .max()
            .orElse(0);
    boolean wgmma = capability == HOPPER && !portable;
    String name = assembled == HOPPER ? "sm_90a" : "sm_" + assembled;
    return new KernelImage(
        assembled == 0 ? PTX : name + ".cubin.gz",
        "%s, tensor cores by %s"
            .formatted(
                assembled == 0
                    ? "kernels assembled by the driver, since there are none for capability %d.%d"
                        .formatted(capability / 10, capability % 10)
                    : "kernels for " + name,
                wgmma ? WGMMA : MMA),
        wgmma ? WGMMA : MMA,
        device.attribute(DeviceAttribute.MULTIPROCESSOR_COUNT),
        capability >= HOPPER);
  }

  /** Loads them into a context. */
  KernelModule load(Context context, Arena arena) {
    Map<String, KernelSpec> specs = KernelSpec.all();
    return new KernelModule(context.module(bytes()), specs, programmatic, arena);
  }

  private byte[] bytes() {
    try (InputStream in = KernelImage.class.getResourceAsStream(FOLDER + resource)) {
      if (in == null) {
        throw new IllegalStateException("the kernels are missing: " + FOLDER + resource);
      }
      return new GZIPInputStream(in).readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
