//! Files and directories, each as the process sees it and as the disk has it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};
use tsdb::fs::DirEntry;

/// Index of a node. Nodes are never freed: an open file outlives its name.
pub(super) type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// How many changes of names there were.
    pub(super) changes: u64,
    pub(super) ignore_sync_data: bool,
    pub(super) ignore_sync_dir: bool,
}

#[derive(Debug)]
pub(super) enum Node {
    File(FileNode),
    Dir(DirNode),
}

#[derive(Debug, Default)]
pub(super) struct FileNode {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// What turns `durable` into `live`.
    pub(super) unsynced: Vec<Write>,
}

#[derive(Debug, Clone)]
pub(super) enum Write {
    Bytes {
        offset: usize,
        bytes: Vec<u8>,
    },
    /// Bytes whose sync failed: the process still reads them, the disk will never see them.
    Lost {
        offset: usize,
        size: usize,
    },
    Cut {
        size: usize,
    },
}

#[derive(Debug, Default)]
pub(super) struct DirNode {
    pub(super) live: BTreeMap<String, NodeId>,
    pub(super) durable: BTreeMap<String, NodeId>,
    /// What turns `durable` into `live`.
    pub(super) unsynced: Vec<NameChange>,
}

/// One change of names. A rename is one change; between two directories it is one in each, under the same number.
#[derive(Debug, Clone)]
pub(super) struct NameChange {
    pub(super) number: u64,
    pub(super) removes: Option<String>,
    pub(super) adds: Option<(String, NodeId)>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![Node::Dir(DirNode::default())], changes: 0, ignore_sync_data: false, ignore_sync_dir: false }
    }
}

impl Tree {
    pub(super) fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut at = ROOT;
        for name in names(path)? {
            at = *self.dir(at)?.live.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    pub(super) fn content(&self, node: NodeId) -> io::Result<&[u8]> {
        match self.nodes.get(node) {
            Some(Node::File(file)) => Ok(&file.live),
            Some(Node::Dir(_)) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let entry = |(name, &node): (&String, &NodeId)| {
            let is_dir = matches!(self.nodes.get(node), Some(Node::Dir(_)));
            let size_bytes = self.content(node).map_or(0, |content| content.len() as u64);
            DirEntry { path: path.join(name), name: name.clone(), is_dir, size_bytes }
        };
        Ok(self.dir(self.find(path)?)?.live.iter().map(entry).collect())
    }

    /// Bytes of content of all files that have a name.
    pub(super) fn used_bytes(&self) -> u64 {
        let mut used = 0;
        let mut waiting = vec![ROOT];
        while let Some(node) = waiting.pop() {
            match self.nodes.get(node) {
                Some(Node::File(file)) => used += file.live.len() as u64,
                Some(Node::Dir(dir)) => waiting.extend(dir.live.values()),
                None => {}
            }
        }
        used
    }

    pub(super) fn create_file(&mut self, path: &Path) -> io::Result<NodeId> {
        self.create(path, Node::File(FileNode::default()))
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        self.create(path, Node::Dir(DirNode::default())).map(|_| ())
    }

    pub(super) fn append(&mut self, node: NodeId, bytes: &[u8]) -> io::Result<()> {
        let file = self.file_mut(node)?;
        file.unsynced.push(Write::Bytes { offset: file.live.len(), bytes: bytes.to_vec() });
        file.live.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn truncate(&mut self, path: &Path, size_bytes: u64) -> io::Result<()> {
        let node = self.find(path)?;
        let file = self.file_mut(node)?;
        let size = usize::try_from(size_bytes).map_err(|_| ErrorKind::FileTooLarge)?;
        file.live.resize(size, 0);
        file.unsynced.push(Write::Cut { size });
        Ok(())
    }

    /// Makes the content of `node` durable; if the sync `fails`, takes care that it never will be.
    pub(super) fn sync_content(&mut self, node: NodeId, fails: bool) -> io::Result<()> {
        let ignore = self.ignore_sync_data;
        let file = self.file_mut(node)?;
        if fails {
            for write in &mut file.unsynced {
                if let Write::Bytes { offset, bytes } = write {
                    *write = Write::Lost { offset: *offset, size: bytes.len() };
                }
            }
        } else if !ignore {
            for write in std::mem::take(&mut file.unsynced) {
                write.apply(&mut file.durable);
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        let ((from_dir, from_name), (to_dir, to_name)) = (self.parent(from)?, self.parent(to)?);
        let is_dir = matches!(self.nodes.get(node), Some(Node::Dir(_)));
        if to.starts_with(from) && is_dir {
            return if to == from { Ok(()) } else { Err(ErrorKind::InvalidInput.into()) };
        }
        match self.find(to).ok().and_then(|there| self.nodes.get(there)) {
            Some(Node::File(_)) if is_dir => return Err(ErrorKind::NotADirectory.into()),
            Some(Node::Dir(_)) if !is_dir => return Err(ErrorKind::IsADirectory.into()),
            Some(Node::Dir(dir)) if !dir.live.is_empty() => return Err(ErrorKind::DirectoryNotEmpty.into()),
            _ => {}
        }
        let number = self.number_change();
        if from_dir == to_dir {
            self.change(from_dir, NameChange { number, removes: Some(from_name), adds: Some((to_name, node)) })
        } else {
            self.change(from_dir, NameChange { number, removes: Some(from_name), adds: None })?;
            self.change(to_dir, NameChange { number, removes: None, adds: Some((to_name, node)) })
        }
    }

    pub(super) fn hard_link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        self.content(node)?;
        if self.find(to).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let (parent, name) = self.parent(to)?;
        let number = self.number_change();
        self.change(parent, NameChange { number, removes: None, adds: Some((name, node)) })
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.content(self.find(path)?)?;
        self.remove_name(path)
    }

    pub(super) fn remove_empty_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.dir(self.find(path)?)?.live.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.remove_name(path)
    }

    pub(super) fn sync_names(&mut self, path: &Path) -> io::Result<()> {
        let ignore = self.ignore_sync_dir;
        let node = self.find(path)?;
        let dir = self.dir_mut(node)?;
        if !ignore {
            dir.unsynced.clear();
            dir.durable = dir.live.clone();
        }
        Ok(())
    }

    pub(super) fn plant(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let node = self.nodes.len();
        let (live, durable) = (content.to_vec(), content.to_vec());
        self.nodes.push(Node::File(FileNode { live, durable, unsynced: Vec::new() }));
        let dir = self.dir_mut(parent)?;
        dir.live.insert(name.clone(), node);
        dir.durable.insert(name, node);
        Ok(())
    }

    /// Changes the content of a file as the process sees it, and as the disk has it.
    pub(super) fn damage(&mut self, path: &Path, change: impl Fn(&mut [u8])) -> io::Result<()> {
        let node = self.find(path)?;
        match self.nodes.get_mut(node) {
            Some(Node::File(file)) => {
                change(&mut file.live);
                change(&mut file.durable);
                Ok(())
            }
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    fn create(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        if self.find(path).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let (parent, name) = self.parent(path)?;
        let id = self.nodes.len();
        self.nodes.push(node);
        let number = self.number_change();
        self.change(parent, NameChange { number, removes: None, adds: Some((name, id)) })?;
        Ok(id)
    }

    fn remove_name(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let number = self.number_change();
        self.change(parent, NameChange { number, removes: Some(name), adds: None })
    }

    fn change(&mut self, dir: NodeId, change: NameChange) -> io::Result<()> {
        let dir = self.dir_mut(dir)?;
        change.apply(&mut dir.live);
        dir.unsynced.push(change);
        Ok(())
    }

    fn number_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    fn parent(&self, path: &Path) -> io::Result<(NodeId, String)> {
        let name = names(path)?.last().ok_or(ErrorKind::InvalidInput)?.to_string();
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        Ok((self.find(parent)?, name))
    }

    fn dir(&self, node: NodeId) -> io::Result<&DirNode> {
        match self.nodes.get(node) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn dir_mut(&mut self, node: NodeId) -> io::Result<&mut DirNode> {
        match self.nodes.get_mut(node) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn file_mut(&mut self, node: NodeId) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(node) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(ErrorKind::IsADirectory.into()),
        }
    }
}

impl Write {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        let (offset, size) = match self {
            Write::Bytes { offset, bytes } => (*offset, bytes.len()),
            Write::Lost { offset, size } => (*offset, *size),
            Write::Cut { size } => return content.resize(*size, 0),
        };
        if content.len() < offset + size {
            content.resize(offset + size, 0);
        }
        if let Write::Bytes { bytes, .. } = self {
            content[offset..offset + size].copy_from_slice(bytes);
        }
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, NodeId>) {
        if let Some(name) = &self.removes {
            names.remove(name);
        }
        if let Some((name, node)) = &self.adds {
            names.insert(name.clone(), *node);
        }
    }
}

/// The names along an absolute path.
fn names(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir => {}
            Component::Normal(name) => names.push(name.to_str().ok_or(ErrorKind::InvalidInput)?),
            _ => return Err(io::Error::new(ErrorKind::InvalidInput, format!("not a whole path: {}", path.display()))),
        }
    }
    Ok(names)
}
