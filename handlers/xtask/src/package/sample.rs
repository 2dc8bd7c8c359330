//! A small, well-formed executable for tests of what is read from one.

const STRINGS: u64 = 0x1000;
const DYNAMIC: u64 = 0x2000;
const VERSIONS: u64 = 0x3000;
const LOADER: u64 = 0x4000;
const SECTIONS: u64 = 0x5000;

/// An executable for 64-bit x86 that needs one library, and one version of its symbols.
pub(super) fn executable(library: &str, version: &str) -> Vec<u8> {
    let mut file = vec![0; 0x6000];
    let mut put = |at: u64, bytes: &[u8]| {
        let at = usize::try_from(at).unwrap();
        file[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let (library_at, version_at) = (1, 1 + library.len() as u64 + 1);
    put(STRINGS + library_at, library.as_bytes());
    put(STRINGS + version_at, version.as_bytes());
    let loader = b"/lib64/ld-linux-x86-64.so.2\0";
    put(LOADER, loader);

    // DT_NEEDED, DT_NULL.
    put(DYNAMIC, &words(&[1, library_at, 0, 0]));
    // One Verneed: version 1, one name, the file, where the name is, none after it.
    put(VERSIONS, &[1, 0, 1, 0]);
    put(VERSIONS + 4, &halves(&[library_at, 16, 0]));
    // Its one Vernaux: hash, flags and index, the name, none after it.
    put(VERSIONS + 16, &halves(&[0, 2 << 16, version_at, 0]));

    // ELF, 64 bits, little endian, version 1.
    put(0, b"\x7fELF\x02\x01\x01");
    // A shared object, as position-independent executables are, for x86_64, version 1.
    put(16, &[3, 0, 62, 0, 1, 0, 0, 0]);
    // Where segments and sections begin.
    put(32, &words(&[64, SECTIONS]));
    // Sizes and numbers: header, segments, sections; names of sections are in the first.
    put(52, &[64, 0, 56, 0, 1, 0, 64, 0, 4, 0, 1, 0]);
    // PT_INTERP.
    put(64, &halves(&[3, 4]));
    let length = loader.len() as u64;
    put(72, &words(&[LOADER, LOADER, LOADER, length, length, 1]));
    // SHT_STRTAB, SHT_DYNAMIC, SHT_GNU_verneed after the null section.
    for (number, kind, at, size, information) in
        [(1, 3, STRINGS, 0x1000, 0), (2, 6, DYNAMIC, 32, 0), (3, 0x6fff_fffe, VERSIONS, 32, 1)]
    {
        let header = SECTIONS + 64 * number;
        put(header + 4, &halves(&[kind]));
        put(header + 24, &words(&[at, size]));
        // The strings that it refers to are in section 1.
        put(header + 40, &halves(&[1, information]));
        put(header + 48, &words(&[1, if number == 2 { 16 } else { 0 }]));
    }
    file
}

fn words(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn halves(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| u32::try_from(*value).unwrap().to_le_bytes()).collect()
}
