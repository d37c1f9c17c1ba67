/**
 * NVIDIA GPUs as devices: {@link dev.serval.gpu.device.CudaDeviceProvider} finds them, and {@link
 * dev.serval.gpu.device.HealthWatch} tells how they fare.
 */
package dev.serval.gpu.device;
