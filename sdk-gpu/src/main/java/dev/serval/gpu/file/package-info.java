/** Files that go to a device past the host's memory: cuFile, where it is there and of use. */
package dev.serval.gpu.file;
