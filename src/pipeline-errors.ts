// What can go wrong with plug-ins, assets, certificate types, configurations and runs; a part of the catalogue in errors.ts.

export const pipelineErrors = {
  type_exists: {
    status: 409,
    title: 'Type exists',
    detail: 'There is a certificate type of this name already.',
  },
  type_in_use: {
    status: 409,
    title: 'Type in use',
    detail: 'Configurations have this type: delete them first.',
  },
  configuration_exists: {
    status: 409,
    title: 'Configuration exists',
    detail: 'There is a configuration of this type for this context already.',
  },
  built_in: {
    status: 409,
    title: 'Built in',
    detail: 'What is built in can be changed and switched off, but not deleted.',
  },
  run_active: {
    status: 409,
    title: 'Run active',
    detail: 'A run of this configuration is under way: wait for its end, or cancel it.',
  },
  asset_in_use: {
    status: 409,
    title: 'Asset in use',
    detail: 'A certificate type or a configuration names this asset.',
  },
  asset_invalid: {
    status: 422,
    title: 'Not an asset',
    detail: 'It is neither a PDF nor a picture, a font, or a list as CSV or JSON.',
  },
  retriever_failed: {
    status: 502,
    title: 'Retriever failed',
    detail: 'The plug-in that finds out who has earned the certificate has failed, or took too long.',
  },
  generator_failed: {
    status: 502,
    title: 'Generator failed',
    detail: 'The plug-in that makes the PDF of the certificate has failed, or took too long.',
  },
} as const;
