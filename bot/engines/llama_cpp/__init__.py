"""llama.cpp in this process, through the library that `xllamacpp` ships; fast on machines without a GPU."""
