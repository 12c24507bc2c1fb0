; Inno Setup: packaging/build.py calls iscc with /DVersion=...
[Setup]
AppName=Latent Studio
AppVersion={#Version}
AppPublisher=Latent Studio
DefaultDirName={autopf}\Latent Studio
DefaultGroupName=Latent Studio
OutputDir=..\dist
OutputBaseFilename=LatentStudio-{#Version}-setup
Compression=lzma2
SolidCompression=yes
; torch makes the program larger than one disk slice of the classic limit allows
DiskSpanning=no
LZMAUseSeparateProcess=yes
ArchitecturesInstallIn64BitMode=x64compatible
PrivilegesRequired=lowest
LicenseFile=..\LICENSE
ChangesAssociations=yes

[Files]
Source: "..\dist\LatentStudio\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{group}\Latent Studio"; Filename: "{app}\Latent Studio.exe"
Name: "{autodesktop}\Latent Studio"; Filename: "{app}\Latent Studio.exe"

[Registry]
Root: HKA; Subkey: "Software\Classes\.studio"; ValueType: string; ValueData: "LatentStudio.Project"; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\LatentStudio.Project\shell\open\command"; ValueType: string; ValueData: """{app}\Latent Studio.exe"" ""%1"""; Flags: uninsdeletekey
