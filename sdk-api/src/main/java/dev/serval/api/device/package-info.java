/**
 * What a machine has to offer: {@link dev.serval.api.device.DeviceProvider} finds devices, and
 * {@link dev.serval.api.device.NativeMemory} accounts for the memory that is taken on their behalf.
 */
package dev.serval.api.device;
