"""The napari side: how sequences become layers, and one widget that draws and runs any stage. The only room with Qt."""
